import Bytes
import Commands
import Testing
import Watches

@Suite("Topics of blocked questions")
struct TopicsTests {
    private func woken(_ topics: borrowing Topics, _ change: Change) -> [UInt32] {
        var set: Set<QuestionID> = []
        topics.collect(change, into: &set)
        return set.map(\.rawValue).sorted()
    }

    @Test("a key wakes its own question and the prefixes above it, and no other")
    func keys() {
        var topics = Topics()
        topics.subscribe(QuestionID(rawValue: 1), to: .key("a/b"))
        topics.subscribe(QuestionID(rawValue: 2), to: .keyPrefix("a/"))
        topics.subscribe(QuestionID(rawValue: 3), to: .keyPrefix(""))
        topics.subscribe(QuestionID(rawValue: 4), to: .keyPrefix("b"))
        topics.subscribe(QuestionID(rawValue: 5), to: .key("a"))
        #expect(woken(topics, .key("a/b")) == [1, 2, 3])
        #expect(woken(topics, .key("bb")) == [3, 4])
    }

    @Test("a removed tree wakes what is below it and what is above it")
    func tree() {
        var topics = Topics()
        topics.subscribe(QuestionID(rawValue: 1), to: .key("a/b/c"))
        topics.subscribe(QuestionID(rawValue: 2), to: .keyPrefix("a/"))
        topics.subscribe(QuestionID(rawValue: 3), to: .keyPrefix("a/b/c/d"))
        topics.subscribe(QuestionID(rawValue: 4), to: .keyPrefix("b"))
        #expect(woken(topics, .keyTree(prefix: "a/b")) == [1, 2, 3])
    }

    @Test("a question that was taken back is not woken")
    func unsubscribe() {
        var topics = Topics()
        let question = QuestionID(rawValue: 1)
        topics.subscribe(question, to: .keyPrefix("a"))
        topics.unsubscribe(question, from: .keyPrefix("a"))
        #expect(woken(topics, .key("ab")) == [])
        let isEmpty = topics.isEmpty
        #expect(isEmpty)
    }

    /// Who asked for a service by another spelling saw its rows, and slept through their changes.
    @Test("names of the catalog compare without regard to ASCII case, keys with it")
    func spelling() {
        var topics = Topics()
        let asked: [Topic] = [
            .service("WEB"), .node("N1"), .nodeChecks("N1"), .serviceChecks("WEB"),
            .nodeSessions("N1"), .session("AB"), .key("K"), .keyPrefix("K"),
        ]
        for (number, topic) in asked.enumerated() {
            topics.subscribe(QuestionID(rawValue: UInt32(number)), to: topic)
        }
        #expect(woken(topics, .service(name: "Web", node: "n1")) == [0, 1])
        #expect(woken(topics, .check(node: "n1", service: "web", id: "c")) == [2, 3])
        #expect(woken(topics, .consulSession(id: "ab", node: "n1")) == [4, 5])
        #expect(woken(topics, .key("k")) == [])
        for (number, topic) in asked.enumerated() {
            topics.unsubscribe(QuestionID(rawValue: UInt32(number)), from: topic)
        }
        let isEmpty = topics.isEmpty
        #expect(isEmpty)
    }

    @Test("a service's change wakes the service, the list of services and its node")
    func services() {
        var topics = Topics()
        topics.subscribe(QuestionID(rawValue: 1), to: .service("web"))
        topics.subscribe(QuestionID(rawValue: 2), to: .services)
        topics.subscribe(QuestionID(rawValue: 3), to: .node("n1"))
        topics.subscribe(QuestionID(rawValue: 4), to: .service("db"))
        #expect(woken(topics, .service(name: "web", node: "n1")) == [1, 2, 3])
    }
}
