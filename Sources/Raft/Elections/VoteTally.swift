/// The votes that a candidate has received, at most one of each node.
struct VoteTally {
    private var granted: [NodeID] = []
    private var refused: [NodeID] = []

    mutating func record(_ node: NodeID, isGranted: Bool) {
        guard self[node] == nil else { return }
        if isGranted { granted.append(node) } else { refused.append(node) }
    }

    subscript(node: NodeID) -> Bool? {
        if granted.contains(node) { return true }
        return refused.contains(node) ? false : nil
    }

    mutating func removeAll() {
        granted.removeAll()
        refused.removeAll()
    }
}
