import Foundation
import Raft
import RaftStore
import Replica

/// A snapshot on its way to a follower. It takes long, and ends early when one of the two stops or
/// the network parts them.
enum SnapshotTransit {
    static func begin(_ transfer: SnapshotTransfer, from sender: NodeProcess, in trial: Trial) {
        let place = sender.place
        let source = sender.host
        let target = trial.host(transfer.to)
        let targetPlace = target.place
        let duration = trial.dice.skewed(5_000...trial.settings.snapshotMicrosecondsMax)
        trial.plan(at: trial.now + duration, kind: 11, on: place) { [unowned trial] in
            let isOpen =
                targetPlace.isCurrent && !trial.network.isCut(source.id, target.id)
                && target.pausedUntil <= trial.now
            let manifest = isOpen ? Self.copy(transfer, source, target, trial) : nil
            trial.trace(
                "snapshot \(transfer.snapshot.index.rawValue) from \(source.id.rawValue) to "
                    + "\(target.id.rawValue): \(manifest != nil ? "arrived" : isOpen ? "gone" : "cut off")"
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

    /// Nil: the sender does not have it any more.
    private static func copy(
        _ transfer: SnapshotTransfer,
        _ source: Host,
        _ target: Host,
        _ trial: Trial
    ) -> SnapshotManifest? {
        do {
            let from = source.home.snapshots
            let to = target.home.snapshots
            guard
                let manifest = try from.list().first(where: { $0.descriptor == transfer.snapshot })
            else { return nil }
            let incoming = to.incomingPath
            try FileManager.default.copyItem(atPath: from.path(of: manifest), toPath: incoming)
            try to.adopt(incoming, as: manifest)
            try to.verify(manifest)
            return manifest
        } catch {
            trial.oracle.fail("snapshot to node \(target.id.rawValue): \(error)")
            return nil
        }
    }
}
