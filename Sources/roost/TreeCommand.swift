import ArgumentParser
import Foundation

struct TreeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "Show ZooKeeper's znodes, or Consul's keys, as a tree.",
        discussion: """
            Sizes are those of the data. Znodes that not everybody may read are shown, and what is
            below them is not. A large tree comes in pages, so that the server is not kept from its
            clients; what changes meanwhile may be seen in part. With --kv a key's parts between
            slashes are the branches; this works against Consul too.

            Exit code 1: there is no such znode, or no such key.

            EXAMPLES
              roost tree
              roost tree /app --depth 2
              roost tree /app --long
              roost tree app/ --kv
              roost tree / --json | jq .Path
            """
    )

    @Argument(help: "The znode to begin at; with --kv a prefix of keys.") var path: String?
    @Flag(help: "Consul's keys in place of znodes.") var kv = false
    @Option(help: "So many levels below the beginning.") var depth: Int?
    @Flag(help: "Also version, index, time and owner; with --kv index, flags and lock.")
    var long = false
    @Option(help: "Stop after so many lines.") var limit = 10_000
    @OptionGroup var options: ClientOptions

    func validate() throws {
        guard depth ?? 0 >= 0, limit > 0 else {
            throw ValidationError("--depth is 0 or more, --limit 1 or more")
        }
        if !kv, let path, !path.hasPrefix("/") {
            throw ValidationError("a znode's path begins with a slash; for keys give --kv")
        }
    }

    func run() async throws {
        try await options.perform { client in
            if kv { try await showKeys(client) } else { try await showZnodes(client) }
        }
    }

    // MARK: Znodes

    private func showZnodes(_ client: ConsulClient) async throws {
        let plain = path ?? "/"
        let root = plain.count > 1 && plain.hasSuffix("/") ? String(plain.dropLast()) : plain
        var branches = Branches()
        var shown = 0
        var after: String?
        repeat {
            let page = try await client.znodes(
                root,
                depth: depth,
                after: after,
                limit: limit - shown
            )
            for node in page.nodes {
                shown += 1
                if options.json {
                    try Terminal.json(node)
                } else {
                    show(node, below: root, &branches)
                }
            }
            after = page.next.isEmpty ? nil : page.next
        } while after != nil && shown < limit
        if after != nil { Terminal.complain("there is more; --limit \(limit) ends it here") }
    }

    private func show(_ node: ZnodeRecord, below root: String, _ branches: inout Branches) {
        let depth = node.depth(below: root)
        let name = depth == 0 ? node.path : String(node.path.split(separator: "/").last ?? "")
        let start = branches.prefix(depth, children: node.children)
        let paint = Paint.output
        let shownName =
            node.children > 0
            ? paint(.bold, Terminal.printable(name))
            : Terminal.printable(name)
        var parts = [start + shownName]
        if node.bytes > 0 { parts.append(Figure.bytes(Double(node.bytes))) }
        let isCut = node.children > 0 && (depth == self.depth || node.isHidden)
        if isCut { parts.append("(\(node.children) below)") }
        if node.isHidden { parts.append(paint(.yellow, "not everybody's to read")) }
        if long {
            parts.append("v\(node.version) #\(node.modifyIndex) \(node.modifiedText)")
        }
        if !node.owner.isEmpty { parts.append(paint(.yellow, "ephemeral 0x\(node.owner)")) }
        Terminal.line(parts.joined(separator: "  "))
    }

    // MARK: Keys

    private func showKeys(_ client: ConsulClient) async throws {
        let prefix = path ?? ""
        let records: [KeyRecord]
        if long || options.json {
            records = try await client.records(prefix, isPrefix: true).records
        } else {
            records = []
        }
        let keys = long || options.json ? records.map(\.key) : try await client.keys(prefix)
        guard !keys.isEmpty else {
            throw CommandFailure.absent("a key that begins with '\(prefix)'")
        }
        let count: Int
        if options.json {
            for record in records.prefix(limit) { try Terminal.json(KeyLine(record)) }
            count = records.count
        } else {
            // Keys that are no UTF-8 may look the same.
            let known = Dictionary(records.map { (Array($0.key.utf8), $0) }) { first, _ in first }
            let lines = KeyTree(keys, below: prefix).lines(depth: depth ?? .max)
            for line in lines.prefix(limit) {
                let record = line.key.flatMap { known[Array($0.utf8)] }
                Terminal.line(line.text + (record.map { "  " + Self.details($0) } ?? ""))
            }
            count = lines.count
        }
        if count > limit { Terminal.complain("there is more; --limit \(limit) ends it here") }
    }

    private static func details(_ record: KeyRecord) -> String {
        var parts = [Figure.bytes(Double(record.bytes.count)), "#\(record.modifyIndex)"]
        if record.flags != 0 { parts.append("flags \(record.flags)") }
        if let session = record.session { parts.append("locked by \(session)") }
        return parts.joined(separator: "  ")
    }

    private struct KeyLine: Encodable {
        var key: String
        var bytes: Int
        var modifyIndex: UInt64

        init(_ record: KeyRecord) {
            key = record.key
            bytes = record.bytes.count
            modifyIndex = record.modifyIndex
        }

        enum CodingKeys: String, CodingKey {
            case key = "Key"
            case bytes = "DataBytes"
            case modifyIndex = "ModifyIndex"
        }
    }
}

/// A znode as /v1/roost/znodes tells of it.
struct ZnodeRecord: Codable {
    var path: String
    var bytes: Int
    var children: Int
    var version: Int
    var createIndex: UInt64
    var modifyIndex: UInt64
    var modified: Int64
    /// The session's id in hexadecimal; empty: it is not ephemeral.
    var owner: String
    /// Not everybody may see its children.
    var isHidden: Bool

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case bytes = "DataBytes"
        case children = "Children"
        case version = "Version"
        case createIndex = "CreateIndex"
        case modifyIndex = "ModifyIndex"
        case modified = "ModifiedMilliseconds"
        case owner = "EphemeralOwner"
        case isHidden = "Hidden"
    }

    func depth(below root: String) -> Int {
        func slashes(_ path: String) -> Int { path == "/" ? 0 : path.utf8.count { $0 == 0x2f } }
        return slashes(path) - slashes(root)
    }

    var modifiedText: String {
        Date(timeIntervalSince1970: Double(modified) / 1_000).formatted(.iso8601)
    }
}

extension ConsulClient {
    struct ZnodePage: Decodable {
        var index: UInt64
        var nodes: [ZnodeRecord]
        /// Empty: this was the last page.
        var next: String

        enum CodingKeys: String, CodingKey {
            case index = "Index"
            case nodes = "Nodes"
            case next = "Next"
        }
    }

    func znodes(
        _ path: String,
        depth: Int?,
        after: String?,
        limit: Int
    ) async throws(CommandFailure) -> ZnodePage {
        var query: [(String, String?)] = [("path", path), ("limit", "\(limit)")]
        if let depth { query.append(("depth", "\(depth)")) }
        if let after { query.append(("after", after)) }
        let what = "reading the znodes below \(path)"
        let answer = try await send(.get, "/v1/roost/znodes", query, what: what, accepted: [404])
        guard answer.status == 200 else { throw .absent("znode \(path)") }
        return try Self.decode(ZnodePage.self, answer, what: what)
    }

    /// The names alone.
    func keys(_ prefix: String) async throws(CommandFailure) -> [String] {
        let what = "listing '\(prefix)'"
        let path = "/v1/kv/" + Self.escaped(prefix)
        let answer = try await send(.get, path, [("keys", nil)], what: what, accepted: [404])
        return answer.status == 404 ? [] : try Self.decode([String].self, answer, what: what)
    }
}

/// The strokes before a tree's names, for nodes that come parents first: a node is the last one of
/// its parent when as many have come as the parent said to have.
struct Branches {
    private struct Level {
        var children: Int
        var seen = 0
    }

    private var levels: [Level] = []

    mutating func prefix(_ depth: Int, children: Int) -> String {
        levels.removeLast(max(0, levels.count - depth))
        if depth > 0, depth <= levels.count { levels[depth - 1].seen += 1 }
        var text = ""
        for (place, level) in levels.enumerated() {
            let isLast = level.seen >= level.children
            if place < depth - 1 {
                text += isLast ? "    " : "│   "
            } else {
                text += isLast ? "└── " : "├── "
            }
        }
        levels.append(Level(children: children))
        return text
    }
}

/// Keys by their parts. They are told apart by their bytes: what Unicode counts as the same text,
/// or as one character with the slash before it, are other keys.
struct KeyTree {
    struct Line: Equatable {
        var text: String
        /// The key that the line stands for; nil: only a part of keys.
        var key: String?
    }

    private final class Branch {
        var key: String?
        var below: [[UInt8]: Branch] = [:]
        var count = 0
    }

    private let root = Branch()
    private let prefix: String

    /// - Parameter keys: all of them begin with `prefix`.
    init(_ keys: [String], below prefix: String) {
        // Whole parts only: "app/mo" begins at "app/".
        let end = prefix.utf8.lastIndex(of: Self.slash).map { prefix.utf8.index(after: $0) }
        self.prefix = String(prefix[..<(end ?? prefix.startIndex)])
        for key in keys {
            var branch = root
            branch.count += 1
            for part in Self.parts(key.utf8.dropFirst(self.prefix.utf8.count)) {
                let next = branch.below[part] ?? Branch()
                branch.below[part] = next
                branch = next
                branch.count += 1
            }
            branch.key = key
        }
    }

    /// "a/b" is "a/" and "b"; "a/" is one part.
    private static func parts(_ name: Substring.UTF8View) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var start = name.startIndex
        for place in name.indices where name[place] == slash {
            parts.append(Array(name[start...place]))
            start = name.index(after: place)
        }
        if start < name.endIndex { parts.append(Array(name[start...])) }
        return parts
    }

    private static let slash = UInt8(ascii: "/")

    func lines(depth: Int) -> [Line] {
        var lines = [Line(text: prefix.isEmpty ? "." : prefix, key: root.key)]
        append(root, "", depth, &lines)
        return lines
    }

    private func append(_ branch: Branch, _ start: String, _ depth: Int, _ lines: inout [Line]) {
        guard depth > 0 else { return }
        let names = branch.below.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for name in names {
            guard let next = branch.below[name] else { continue }
            let isLast = name == names.last
            let own = next.key == nil ? 0 : 1
            let cut = depth == 1 && next.count > own ? "  (\(next.count - own) below)" : ""
            let shown = Terminal.printable(String(decoding: name, as: UTF8.self))
            let text = start + (isLast ? "└── " : "├── ") + shown + cut
            lines.append(Line(text: text, key: next.key))
            append(next, start + (isLast ? "    " : "│   "), depth - 1, &lines)
        }
    }
}
