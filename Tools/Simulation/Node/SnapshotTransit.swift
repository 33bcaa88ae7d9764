import Foundation
import Raft
import RaftStore
import Replica

/// A snapshot on its way to a follower. It takes long, and ends early when one of the two stops or
/// the network parts them. The sender has the file open, so that it may be pruned meanwhile.
enum SnapshotTransit {
    static func begin(_ transfer: SnapshotTransfer, from sender: NodeProcess, in trial: Trial) {
        let source = sender.host
        let target = trial.host(transfer.to)
        let targetPlace = target.place
        let held = hold(transfer, source, trial)
        let duration = trial.dice.skewed(5_000...longest(in: trial))
        trial.plan(at: trial.now + duration, kind: 11, on: sender.place) { [unowned trial] in
            let isOpen =
                targetPlace.isCurrent && !trial.network.isCut(source.id, target.id)
                && target.pausedUntil <= trial.now
            let manifest = isOpen ? held.flatMap { Self.adopt($0, target, trial) } : nil
            let end = manifest != nil ? "arrived" : isOpen ? "gone" : "cut off"
            trial.trace(
                "snapshot \(transfer.snapshot.index.rawValue) from \(source.id.rawValue) to "
                    + "\(target.id.rawValue): \(end)"
            )
            trial.process(source.id)?.receive(
                .snapshotSent(to: target.id, succeeded: manifest != nil)
            )
            guard let manifest else { return trial.tally.transfersBroken += 1 }
            trial.tally.transfers += 1
            trial.process(target.id)?.receive(
                .snapshotReceived(manifest, from: source.id, term: transfer.term)
            )
        }
    }

    /// When there are no faults any more, the log must not outrun the snapshots for ever.
    private static func longest(in trial: Trial) -> Int64 {
        trial.isCalm ? 20_000 : trial.settings.snapshotMicrosecondsMax
    }

    private struct Held {
        var manifest: SnapshotManifest
        var path: String
    }

    /// Nil: the sender does not have it any more.
    private static func hold(
        _ transfer: SnapshotTransfer,
        _ source: Host,
        _ trial: Trial
    ) -> Held? {
        do {
            let all = try source.home.snapshots.list()
            guard let manifest = all.first(where: { $0.descriptor == transfer.snapshot }) else {
                return nil
            }
            return Held(manifest: manifest, path: try source.home.hold(manifest))
        } catch {
            trial.oracle.fail("a snapshot of node \(source.id.rawValue): \(error)")
            return nil
        }
    }

    private static func adopt(_ held: Held, _ target: Host, _ trial: Trial) -> SnapshotManifest? {
        do {
            let snapshots = target.home.snapshots
            let incoming = snapshots.incomingPath
            try FileManager.default.copyItem(atPath: held.path, toPath: incoming)
            try FileManager.default.removeItem(atPath: held.path)
            try snapshots.adopt(incoming, as: held.manifest)
            try snapshots.verify(held.manifest)
            return held.manifest
        } catch {
            trial.oracle.fail("snapshot to node \(target.id.rawValue): \(error)")
            return nil
        }
    }
}
