// What peers and disks may have got wrong, looked at before anything is done with it.

extension RaftNode {
    static func openLog(
        _ restored: RestoredState,
        _ storage: any LogStorage
    ) throws(RaftError) -> RaftLog {
        let fault: String?
        let log: RaftLog
        do {
            fault = try restored.fault(with: storage)
            log = try RaftLog(
                storage: storage,
                commit: restored.hardState.commit,
                applied: restored.applied
            )
        } catch {
            throw RaftError.storage(error)
        }
        if let fault { throw .restoredStateInvalid(fault) }
        return log
    }

    /// Larger numbers appear in no real log; they would only overflow.
    private static let numberMax = UInt64(1) << 62

    func validate(_ message: Message) throws(RaftError) {
        if let fault = fault(of: message) {
            throw .messageInvalid(from: message.from, fault)
        }
    }

    private func fault(of message: Message) -> String? {
        if message.to != id { return "is for node \(message.to.rawValue)" }
        if message.from == id { return "is from the receiver itself" }
        if message.term.rawValue > RaftNode.numberMax {
            return "term \(message.term.rawValue) is beyond all terms"
        }
        if message.body.largestIndex.rawValue > RaftNode.numberMax {
            return "index \(message.body.largestIndex.rawValue) is beyond all logs"
        }
        switch message.body {
        case .append(let append): return fault(of: append, message) ?? rival(message)
        case .heartbeat, .snapshot: return rival(message)
        default: return nil
        }
    }

    /// Two leaders in one term would be the end of all safety.
    private func rival(_ message: Message) -> String? {
        guard role == .leader, message.term == term else { return nil }
        return "claims to lead in term \(term.rawValue), which this node leads"
    }

    private func fault(of append: Message.Append, _ message: Message) -> String? {
        var index = append.previousIndex
        var term = append.previousTerm
        for entry in append.entries {
            if entry.index != index.next {
                return "entry \(entry.index.rawValue) follows \(index.rawValue)"
            }
            if entry.term < term {
                return "entry \(entry.index.rawValue): term \(entry.term.rawValue)"
                    + " < \(term.rawValue)"
            }
            if let fault = fault(of: entry) { return fault }
            (index, term) = (entry.index, entry.term)
        }
        if term > message.term {
            return "entry \(index.rawValue): term \(term.rawValue) > \(message.term.rawValue)"
        }
        return nil
    }

    private func fault(of entry: Entry) -> String? {
        guard entry.kind == .configuration else { return nil }
        let isReadable = Membership(encoded: entry.payload[...]) != nil
        return isReadable ? nil : "entry \(entry.index.rawValue): no membership"
    }
}

extension Message.Body {
    fileprivate var largestIndex: LogIndex {
        switch self {
        case .voteRequest(let request): return request.lastIndex
        case .append(let append): return max(append.previousIndex, append.commit)
        case .appendResponse(.accepted(let match)): return match
        case .appendResponse(.rejected(let previous, let hint, _)): return max(previous, hint)
        case .heartbeat(let heartbeat): return heartbeat.commit
        case .snapshot(let snapshot): return snapshot.index
        default: return .zero
        }
    }
}

extension RestoredState {
    /// What contradicts itself or the log; nil if all is well.
    func fault(with storage: any LogStorage) throws(LogStorageError) -> String? {
        let first = try storage.firstIndex()
        let last = try storage.lastIndex()
        let lastTerm = try storage.term(at: last)
        if hardState.commit > last {
            return "commit \(hardState.commit.rawValue) > last entry \(last.rawValue)"
        }
        if applied > last { return "applied \(applied.rawValue) > last entry \(last.rawValue)" }
        if applied.next < first {
            return "applied \(applied.rawValue), but the log begins at \(first.rawValue)"
        }
        if lastTerm > hardState.term {
            return "entry \(last.rawValue): term \(lastTerm.rawValue) > \(hardState.term.rawValue)"
        }
        if let newest = memberships.last, newest.index > last {
            return "membership of entry \(newest.index.rawValue) > last entry \(last.rawValue)"
        }
        for (older, newer) in zip(memberships, memberships.dropFirst())
        where older.index >= newer.index {
            return "memberships \(older.index.rawValue), \(newer.index.rawValue) out of order"
        }
        return nil
    }
}
