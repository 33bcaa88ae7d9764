import Bytes
import Commands
import Raft

/// An entry with what its payload says, as far as it can be read.
struct DescribedEntry {
    let index: LogIndex
    let term: Term
    let payloadBytes: Int
    let content: Content

    enum Content {
        case command(CommandSummary)
        /// A new leader's first entry.
        case empty
        case membership(Membership)
        /// The checksum is right, so that it was written like this; why it cannot be read.
        case undecodable(String)
    }

    init(_ entry: Entry) {
        index = entry.index
        term = entry.term
        payloadBytes = entry.payload.count
        switch entry.kind {
        case .empty: content = .empty
        case .configuration:
            if let membership = Membership(encoded: entry.payload[...]) {
                content = .membership(membership)
            } else {
                content = .undecodable("this is no membership")
            }
        case .normal:
            do throws(CommandError) {
                content = .command(try CommandSummary(decoding: entry.payload.rawSpan))
            } catch { content = .undecodable("\(error)") }
        }
    }

    var kind: String {
        switch content {
        case .command(let summary): summary.kind.name
        case .empty: Self.emptyKind
        case .membership: Self.membershipKind
        case .undecodable: Self.undecodableKind
        }
    }

    var summary: CommandSummary? {
        guard case .command(let summary) = content else { return nil }
        return summary
    }

    private static let emptyKind = "empty"
    private static let membershipKind = "membership"
    private static let undecodableKind = "undecodable"

    /// Every kind that an entry can be of.
    static var kinds: [String] {
        CommandKind.allCases.map(\.name) + [emptyKind, membershipKind, undecodableKind]
    }
}

extension Membership {
    /// "voters 1 2 3, learners 4"; a joint one says what is left.
    var text: String {
        func list(_ nodes: [NodeID]) -> String {
            nodes.map { "\($0.rawValue)" }.joined(separator: " ")
        }
        var parts = ["voters \(list(incoming))"]
        if isJoint { parts.append("leaving voters \(list(outgoing))") }
        if !learners.isEmpty { parts.append("learners \(list(learners))") }
        if !learnersNext.isEmpty { parts.append("learners next \(list(learnersNext))") }
        return parts.joined(separator: ", ")
    }
}

extension SessionID {
    var isSet: Bool { self != .none }
}
