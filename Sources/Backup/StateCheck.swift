import LMDB
import Raft
import RaftStore
import StateMachine

/// Opens a copy of a state and checks what no checksum can: that its pages are a tree, that the
/// state is the one that the backup says, and that its records refer to each other.
enum StateCheck {
    static func run(_ head: ArchiveHead, stateAt path: String) throws(BackupError) {
        let environment: Environment
        do throws(StoreError) {
            // Before LMDB, which believes its file.
            if let damage = try InspectedSnapshot.verifyPages(at: path) {
                throw .damaged(path: path, [damage])
            }
            do throws(SnapshotError) { environment = try SnapshotStore.open(path) } catch {
                throw StoreError(error)
            }
        } catch {
            guard case .damaged(_, let damage) = error else { throw .store(error) }
            throw .damaged("the state: \(damage.map(\.description).joined(separator: "; "))")
        }
        let flaws: [String]
        do throws(StateError) { flaws = try check(head, environment) } catch {
            switch error {
            case .newerFormat(let found, let known):
                throw .newerFormat(what: "the state in it", found: found, known: known)
            case .damaged, .undecodable, .outOfOrder, .storage(.corrupted),
                .storage(.tableMissing):
                throw .damaged("the \(error)")
            case .storage, .file: throw .state(error)
            }
        }
        guard flaws.isEmpty else {
            throw .damaged("the state: \(flaws.joined(separator: "; "))")
        }
    }

    private static func check(
        _ head: ArchiveHead,
        _ environment: Environment
    ) throws(StateError) -> [String] {
        let tables = try StateTables.open(environment, create: false)
        let reading: ReadTransaction
        do throws(LMDBError) { reading = try ReadTransaction(environment) } catch {
            throw .storage(error)
        }
        let view = StateView(reading.reader, tables: tables)
        let summary = try view.summary
        var flaws: [String] = []
        let said = (head.manifest.index.rawValue, head.manifest.term.rawValue)
        if (summary.appliedIndex, summary.appliedTerm) != said {
            flaws.append(
                "it is of entry \(summary.appliedIndex) of term \(summary.appliedTerm), and the "
                    + "manifest says \(said.0) of term \(said.1)"
            )
        }
        if StateCounts(summary) != head.counts {
            flaws.append("it counts otherwise than \(ArchiveLayout.headName) says")
        }
        var references = ReferenceCheck(view) { flaw in
            flaws.append("table \(flaw.table): \(flaw.text)")
            return flaws.count < BackupLimits.flawsMax
        }
        try references.run()
        return flaws
    }
}
