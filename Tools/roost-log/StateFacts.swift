import Bytes
import RaftStore
import StateMachine

extension InspectedState {
    /// What the state says of itself; nil if nothing was applied yet.
    func summary() throws -> StateSummary? {
        let place = StateTables.summaryPlace
        return try value(table: place.table, key: place.key).map {
            try StateSummary(decoding: $0.rawSpan)
        }
    }
}

extension InspectedDirectory {
    /// What the state says of itself, where a server would believe it, or it lies as it was when it
    /// was closed. Of what a power cut may have torn, nothing is read: it is rebuilt at a start.
    func stateSummary() throws -> StateSummary? {
        guard let state, isServed || !state.trust.mayBeTorn else { return nil }
        if isServed || state.trust.isTrusted { return try state.summary() }
        // A copy, which a start rebuilds too: damage in it is no harm.
        return try unlessDamaged { try state.summary() }
    }
}

/// What was read; nil where it lies in damaged pages, or does not decode.
private func unlessDamaged(_ read: () throws -> StateSummary?) throws -> StateSummary? {
    do { return try read() } catch StoreError.damaged {
        return nil
    } catch is StateError { return nil }
}

extension InspectedSnapshot {
    /// The same; nil where the file is damaged there: other bases will do, and `verify` tells.
    func wholeSummary() throws -> StateSummary? {
        try unlessDamaged { try summary() }
    }

    /// What the copied state says of itself.
    func summary() throws -> StateSummary? {
        let place = StateTables.summaryPlace
        return try value(table: place.table, key: place.key).map {
            try StateSummary(decoding: $0.rawSpan)
        }
    }
}

extension TrustMarker.Verdict {
    /// - Parameter remedy: what a server does at its start with what it does not trust.
    func text(isServed: Bool, remedy: String) -> String {
        switch self {
        case .closedCleanly: isServed ? "being opened" : "closed cleanly"
        case .sameBoot:
            isServed ? "in use" : "not closed, but the operating system ran on: trusted"
        case .untrusted(let reason, _):
            isServed ? "being opened (\(reason))" : "\(reason): a server \(remedy) at its start"
        }
    }

    var isTrusted: Bool {
        if case .untrusted = self { return false }
        return true
    }
}
