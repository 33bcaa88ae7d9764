public import LMDB

/// The state's tables. Their names and what is in them, in one place:
///
/// | table | key | value |
/// |---|---|---|
/// | meta | "summary" | StateSummary |
/// | meta | "member", node UInt64 / "members" | MemberRecord / next number UInt64 |
/// | meta | "patrol" | see `Patrol` |
/// | meta | "token", 00, accessor / "secret", 00, SHA-256 / "tokens" | see `TokenKey` |
/// | znodes | path with its last slash as 00 (`NameKey`) | ZnodeRecord |
/// | ephemerals | owner UInt64, path (`NameKey`) | path if the key is shortened |
/// | acls | "i", ACLID UInt32 / "h", SHA-256 of the list | list (ACLCodec) / ACLID |
/// | sessions | session UInt64 | ZooKeeperSession |
/// | keys | key (`NameKey`) | KeyRecord |
/// | held | Consul session, 00, key (`NameKey`) | key |
/// | tombstones | "k", key (`NameKey`) / "i", index UInt64, ordinal UInt32 | index and key / key |
/// | delays | key (`NameKey`) | end of the lock-delay and key |
/// | catalog | see `CatalogKey` | nodes, services, checks, their indexes |
/// | leases | see `LeaseKey` | Consul's sessions and what they depend on |
/// | blobs | index UInt64, ordinal UInt32, piece UInt32 | a piece of a large value |
///
/// Integers in keys are big-endian, so that they sort.
public struct StateTables: Sendable {
    /// The version of all layouts together; a newer binary reads older ones, never the reverse.
    /// Format 2 has the patrol.
    public static let formatVersion: UInt64 = 2

    static let names = [
        "meta", "znodes", "ephemerals", "acls", "sessions", "keys", "held", "tombstones", "delays",
        "catalog", "leases", "blobs",
    ]

    /// Where the summary is: table and key.
    public static let summaryPlace = (table: "meta", key: Array("summary".utf8))

    /// How many tables an environment must have room for.
    public static var count: Int { names.count }

    let meta: Table
    let znodes: Table
    let ephemerals: Table
    let acls: Table
    let sessions: Table
    let keys: Table
    let held: Table
    let tombstones: Table
    let delays: Table
    let catalog: Table
    let leases: Table
    let blobs: Table

    /// Opens the tables and makes missing ones, unless `create` is false.
    public static func open(
        _ environment: Environment,
        create: Bool = true
    ) throws(StateError) -> StateTables {
        do throws(LMDBError) {
            return StateTables(try environment.openTables(names, create: create))
        } catch {
            throw .storage(error)
        }
    }

    private init(_ opened: [Table]) {
        precondition(opened.count == Self.names.count, "\(opened.count) tables")
        meta = opened[0]
        znodes = opened[1]
        ephemerals = opened[2]
        acls = opened[3]
        sessions = opened[4]
        keys = opened[5]
        held = opened[6]
        tombstones = opened[7]
        delays = opened[8]
        catalog = opened[9]
        leases = opened[10]
        blobs = opened[11]
    }

    /// All of them with their names, for dumps and comparisons.
    var all: [(name: String, table: Table)] {
        let opened = [
            meta, znodes, ephemerals, acls, sessions, keys, held, tombstones, delays, catalog,
            leases, blobs,
        ]
        return zip(Self.names, opened).map { (name: $0, table: $1) }
    }
}
