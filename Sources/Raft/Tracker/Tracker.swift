/// The leader's knowledge of all other members, sorted by ID so that every run goes the same way.
struct Tracker {
    private(set) var peers: [Progress] = []

    var indices: Range<Int> { peers.indices }

    subscript(position: Int) -> Progress {
        get { peers[position] }
        _modify { yield &peers[position] }
    }

    func position(of id: NodeID) -> Int? { peers.firstIndex { $0.id == id } }

    func progress(of id: NodeID) -> Progress? { peers.first { $0.id == id } }

    mutating func removeAll() { peers.removeAll() }

    /// Follows a membership: new members start as unknown, those gone are forgotten, so that a
    /// node that comes back with another disk begins from nothing.
    mutating func follow(
        _ membership: Membership,
        without own: NodeID,
        last: LogIndex,
        tick: UInt64
    ) {
        peers = membership.members.filter { $0 != own }.map { id in
            progress(of: id) ?? Progress(id: id, next: last.next, tick: tick)
        }
    }
}
