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
