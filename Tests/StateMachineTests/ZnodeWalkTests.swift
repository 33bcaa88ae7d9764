import Bytes
import Commands
import SeededRandom
import StateMachine
import Testing

@Suite struct ZnodeWalkTests {
    /// Every path in the walk's order; each step is a look of its own, as pages are.
    private func walk(_ state: StateFixture, _ root: String, depth: Int = .max) throws -> [String] {
        let walk = ZnodeWalk(root: Array(root.utf8), depthMax: depth)
        var paths = [root]
        var path = walk.root
        while let next = try state.read({ view in
            try walk.next(after: path, descends: true, in: view)
        }) {
            path = next
            paths.append(String(decoding: path, as: UTF8.self))
        }
        return paths
    }

    /// The same by listing children, in any order.
    private func listed(_ state: StateFixture, _ root: String, depth: Int = .max) throws -> [String]
    {
        guard depth > 0 else { return [root] }
        let start = root == "/" ? "" : root
        return try [root]
            + state.children(root).flatMap { try listed(state, start + "/" + $0, depth: depth - 1) }
    }

    @Test func `parents come before their children, and neighbours' trees do not mix`() throws {
        let state = try StateFixture()
        for path in ["/a", "/a/x", "/a/x/1", "/a-b", "/a/y", "/ab", "/ab/z"] {
            try state.create(path)
        }
        #expect(try walk(state, "/a") == ["/a", "/a/x", "/a/x/1", "/a/y"])
        #expect(try walk(state, "/a", depth: 1) == ["/a", "/a/x", "/a/y"])
        #expect(try walk(state, "/a/x/1") == ["/a/x/1"])
        let all = try walk(state, "/")
        #expect(
            all.first == "/" && all.contains("/zookeeper/config") && all.last == "/zookeeper/quota"
        )
    }

    @Test func `random trees with short and long names are walked whole, each node once`() throws {
        var random = SeededGenerator(suite: "ZnodeWalkTests")
        for _ in 0..<10 {
            let state = try StateFixture()
            var paths = [""]
            for _ in 0..<60 {
                guard let parent = paths.randomElement(using: &random) else { continue }
                let length = [1, 2, 200, 478, 600].randomElement(using: &random) ?? 1
                let letter = ["a", "b", "-", "~"].randomElement(using: &random) ?? "a"
                let path =
                    parent + "/" + String(repeating: letter, count: length)
                    + "\(Int.random(in: 0...3, using: &random))"
                if try state.create(path).error == nil { paths.append(path) }
            }
            for root in ["/"] + paths.dropFirst().prefix(10) {
                let depth = Int.random(in: 0...4, using: &random)
                let seen = try walk(state, root, depth: depth)
                #expect(seen.sorted() == (try listed(state, root, depth: depth)).sorted())
            }
        }
    }

    @Test func `a walk goes on where what it stood on is gone`() throws {
        let state = try StateFixture()
        for path in ["/a", "/a/1", "/a/2", "/a/2/x", "/a/3"] { try state.create(path) }
        try state.delete("/a/2/x")
        try state.delete("/a/2")
        let walk = ZnodeWalk(root: Array("/a".utf8), depthMax: 9)
        let next = try state.read { view in
            try walk.next(after: Array("/a/2/x".utf8), descends: true, in: view)
        }
        #expect(next == Array("/a/3".utf8))
    }

    @Test(arguments: [
        ("/", "/a", true), ("/a", "/a", true), ("/a", "/a/b", true), ("/a", "/ab", false),
        ("/a/b", "/a", false), ("/", "/", true),
    ])
    func `what belongs to a tree`(_ root: String, _ path: String, _ isInside: Bool) {
        let walk = ZnodeWalk(root: Array(root.utf8), depthMax: 1)
        #expect(walk.contains(Array(path.utf8)) == isInside)
    }
}
