import Bytes
import Commands
import Testing
import Watches

@Suite("ZooKeeper's watches on one event loop")
struct ZnodeWatchesTests {
    private let one = ClientSlot(rawValue: 1)
    private let two = ClientSlot(rawValue: 2)

    private func change(_ kind: ZnodeChange.Kind, _ path: ByteString) -> ZnodeChange {
        ZnodeChange(kind: kind, path: path, acl: .open, parentACL: .open)
    }

    private func fire(
        _ watches: inout ZnodeWatches,
        _ kind: ZnodeChange.Kind,
        _ path: ByteString
    ) -> [String] {
        var told: [String] = []
        watches.fire(change(kind, path), zxid: 7) { slot, event in
            told.append("\(slot.rawValue) \(event.kind) \(event.path)")
        }
        return told.sorted()
    }

    @Test("a one-shot watch fires once")
    func oneShot() {
        var watches = ZnodeWatches()
        watches.add(.data, path: "/a", slot: one)
        #expect(fire(&watches, .dataChanged, "/a") == ["1 dataChanged /a"])
        #expect(fire(&watches, .dataChanged, "/a") == [])
        let left = [watches.count, watches.pathCount, watches.slotCount]
        #expect(left == [0, 0, 0])
    }

    @Test("a create tells the node's watcher and then the parent's")
    func createTellsParent() {
        var watches = ZnodeWatches()
        watches.add(.data, path: "/a/b", slot: one)
        watches.add(.child, path: "/a", slot: one)
        var order: [ZnodeWatchEvent.Kind] = []
        watches.fire(change(.created, "/a/b"), zxid: 7) { _, event in order.append(event.kind) }
        #expect(order == [.created, .childrenChanged])
        let left = watches.count
        #expect(left == 0)
    }

    @Test("a delete gives one event to a connection with data and child watch")
    func deleteOnce() {
        var watches = ZnodeWatches()
        watches.add(.data, path: "/a", slot: one)
        watches.add(.child, path: "/a", slot: one)
        watches.add(.child, path: "/", slot: one)
        #expect(fire(&watches, .deleted, "/a") == ["1 childrenChanged /", "1 deleted /a"])
        let left = watches.count
        #expect(left == 0)
    }

    @Test("a persistent watch stays, and hears of children too")
    func persistent() {
        var watches = ZnodeWatches()
        watches.add(.persistent, path: "/a", slot: one)
        #expect(fire(&watches, .created, "/a/b") == ["1 childrenChanged /a"])
        #expect(fire(&watches, .dataChanged, "/a") == ["1 dataChanged /a"])
        #expect(fire(&watches, .dataChanged, "/a/b") == [])
        let stays = watches.has(.persistent, path: "/a", slot: one)
        #expect(stays)
    }

    @Test("a recursive watch hears of every descendant and never of children as such")
    func recursive() {
        var watches = ZnodeWatches()
        watches.add(.recursive, path: "/a", slot: one)
        watches.add(.recursive, path: "/", slot: two)
        #expect(fire(&watches, .created, "/a/b/c") == ["1 created /a/b/c", "2 created /a/b/c"])
        #expect(fire(&watches, .deleted, "/a") == ["1 deleted /a", "2 deleted /a"])
        #expect(fire(&watches, .dataChanged, "/b") == ["2 dataChanged /b"])
    }

    @Test("a persistent and a recursive watch on one path both tell of a new child")
    func persistentAndRecursive() {
        var watches = ZnodeWatches()
        watches.add(.persistent, path: "/a", slot: one)
        watches.add(.recursive, path: "/a", slot: one)
        #expect(fire(&watches, .created, "/a/b") == ["1 childrenChanged /a", "1 created /a/b"])
    }

    @Test("two recursive watches of one connection tell it once")
    func recursiveOnce() {
        var watches = ZnodeWatches()
        watches.add(.recursive, path: "/", slot: one)
        watches.add(.recursive, path: "/a", slot: one)
        #expect(fire(&watches, .created, "/a/b") == ["1 created /a/b"])
    }

    @Test("a connection that goes leaves nothing behind")
    func removeAll() {
        var watches = ZnodeWatches()
        for kind in WatchKind.allCases { watches.add(kind, path: "/a", slot: one) }
        watches.add(.data, path: "/b", slot: one)
        watches.add(.data, path: "/b", slot: two)
        let before = watches.count
        #expect(before == 6)
        watches.removeAll(slot: one)
        let after = watches.count
        #expect(after == 1)
        #expect(fire(&watches, .created, "/a") == [])
        #expect(fire(&watches, .created, "/b") == ["2 created /b"])
    }

    @Test("a watch is removed by itself, and only if it is there")
    func removeOne() {
        var watches = ZnodeWatches()
        watches.add(.data, path: "/a", slot: one)
        watches.add(.child, path: "/a", slot: one)
        let wasPersistent = watches.remove(.persistent, path: "/a", slot: one)
        let wasData = watches.remove(.data, path: "/a", slot: one)
        #expect(!wasPersistent && wasData)
        #expect(fire(&watches, .dataChanged, "/a") == [])
        #expect(fire(&watches, .created, "/a/b") == ["1 childrenChanged /a"])
    }

    @Test("ten thousand watchers of one path each hear of it once")
    func many() {
        var watches = ZnodeWatches()
        for number in 0..<10_000 {
            watches.add(.data, path: "/a", slot: ClientSlot(rawValue: UInt32(number)))
        }
        let told = fire(&watches, .dataChanged, "/a")
        #expect(told.count == 10_000)
        #expect(Set(told).count == 10_000)
        let left = watches.count
        #expect(left == 0)
    }

    @Test("a connection's load is the paths that it still watches, each once")
    func load() {
        var watches = ZnodeWatches()
        for kind in [WatchKind.data, .child] { watches.add(kind, path: "/abc", slot: one) }
        watches.add(.recursive, path: "/defghi", slot: one)
        #expect(watches.load(of: one) == (2, 11))
        #expect(watches.load(of: two) == (0, 0))
        _ = fire(&watches, .deleted, "/abc")
        #expect(watches.load(of: one) == (1, 7))
        watches.removeAll(slot: one)
        #expect(watches.load(of: one) == (0, 0))
    }
}
