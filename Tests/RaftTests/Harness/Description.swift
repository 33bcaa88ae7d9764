import Raft

// Short texts of values, for transcripts.

extension Entry {
    var text: String {
        switch kind {
        case .normal:
            let printable = payload.count <= 16 ? String(decoding: payload, as: UTF8.self) : nil
            return "\(index.rawValue)/\(term.rawValue):" + (printable ?? "\(payload.count)B")
        case .empty: return "\(index.rawValue)/\(term.rawValue)"
        case .configuration:
            let membership = Membership(encoded: payload[...])?.text ?? "?"
            return "\(index.rawValue)/\(term.rawValue):\(membership)"
        }
    }
}

extension [Entry] {
    var text: String { "[" + map(\.text).joined(separator: " ") + "]" }
}

extension [NodeID] {
    var text: String { map { "\($0.rawValue)" }.joined(separator: " ") }
}

extension Membership {
    var text: String {
        var parts = "(\(incoming.text))"
        if isJoint { parts += "&(\(outgoing.text))" }
        if !learners.isEmpty { parts += " learners (\(learners.text))" }
        if !learnersNext.isEmpty { parts += " then (\(learnersNext.text))" }
        return parts
    }
}

extension Message {
    var text: String { "\(from.rawValue)->\(to.rawValue) t\(term.rawValue) \(body.text)" }
}

extension Message.Body {
    var text: String {
        switch self {
        case .voteRequest(let request):
            let kind = request.isPreVote ? "pre-vote" : "vote"
            return "\(kind)? last=\(request.lastIndex.rawValue)/\(request.lastTerm.rawValue)"
                + (request.isTransfer ? " transfer" : "")
        case .voteResponse(let response):
            return (response.isPreVote ? "pre-vote: " : "vote: ") + "\(response.vote)"
        case .append(let append):
            return "append after \(append.previousIndex.rawValue)/\(append.previousTerm.rawValue)"
                + " commit=\(append.commit.rawValue) \(append.entries.text)"
        case .appendResponse(.accepted(let match)): return "accepted \(match.rawValue)"
        case .appendResponse(.rejected(let previous, let hint, let term)):
            return "rejected \(previous.rawValue) hint=\(hint.rawValue)/\(term.rawValue)"
        case .heartbeat(let heartbeat):
            return "heartbeat commit=\(heartbeat.commit.rawValue) round=\(heartbeat.round)"
        case .heartbeatResponse(let round): return "heartbeat answered round=\(round)"
        case .snapshot(let snapshot):
            return "snapshot \(snapshot.index.rawValue)/\(snapshot.term.rawValue)"
                + " \(snapshot.membership.text)"
        case .timeoutNow: return "timeout now"
        case .readRequest(let read): return "read? \(read.rawValue)"
        case .readResponse(let read, let index):
            return "read \(read.rawValue): " + (index.map { "\($0.rawValue)" } ?? "ask again")
        case .staleTerm: return "stale term"
        }
    }
}

extension LogWrite {
    var text: String {
        var text = "term=\(hardState.term.rawValue)"
        if let vote = hardState.vote { text += " vote=\(vote.rawValue)" }
        text += " commit=\(hardState.commit.rawValue)"
        if let snapshot { text += " snapshot=\(snapshot.index.rawValue)" }
        if !entries.isEmpty { text += " \(entries.text)" }
        return text
    }
}

extension Status {
    var text: String {
        var text = "\(id.rawValue): \(role) term=\(term.rawValue)"
        text += " leader=" + (leader.map { "\($0.rawValue)" } ?? "none")
        text += " commit=\(commit.rawValue) applied=\(applied.rawValue) last=\(last.rawValue)"
        text += " durable=\(durable.rawValue) members=\(membership.text)"
        if let transferTarget { text += " transferring to \(transferTarget.rawValue)" }
        for peer in peers { text += "\n    \(peer.text)" }
        return text
    }
}

extension PeerStatus {
    var text: String {
        var text = "\(id.rawValue) \(isVoter ? "voter" : "learner") \(state)"
        text += " match=\(match.rawValue) next=\(next.rawValue) inflight=\(inflightCount)"
        if let pendingSnapshot { text += " snapshot=\(pendingSnapshot.rawValue)" }
        return text
    }
}
