import ConsulProtocol
import NIOCore
import Replica
import Watches

/// The blocked questions of one event loop, and who waits for each.
///
/// A client waits until the answer's index passes its own, or its time is up. A change wakes the
/// questions that it concerns; each is evaluated once and, for clients that take the plain form,
/// encoded once into bytes that all of them share. As in Consul since 1.12, a question that had no
/// answer and still has none goes on waiting; so does one whose answer's hash is the same.
final class Questions {
    /// One question and its clients.
    private struct Entry {
        var question: Question
        var waiters: [ConsulConnection] = []
        /// What the clients know already.
        var known: Evaluation.Content
    }

    private var entries: [Entry?] = []
    private var free: [QuestionID] = []
    private var byQuestion: [Question: QuestionID] = [:]
    /// Every waiting client and, in step with it, when its time is up.
    private var parked: [ConsulConnection] = []
    private var deadlines: [Int64] = []
    private var nextDeadline = Int64.max
    private var timer: Scheduled<Void>?

    var count: Int { byQuestion.count }
    var waitingCount: Int { parked.count }

    /// Where a client stands in the tables; kept by the client.
    struct Place {
        var question: QuestionID
        var waiter: Int
        var parked: Int
        var minIndex: UInt64
    }

    // MARK: Waiting

    /// Has a client wait for an answer whose index is above `minIndex`; false if there are too
    /// many questions. `latest` is the answer that was not new enough.
    func wait(
        _ connection: ConsulConnection,
        for question: Question,
        above minIndex: UInt64,
        milliseconds: Int64,
        latest: Evaluation,
        on loop: ConsulLoop
    ) -> Bool {
        guard let id = identifier(of: question, latest: latest, on: loop) else { return false }
        let deadline = loop.port.clock.monotonic() + milliseconds
        guard var entry = take(id) else { return false }
        connection.waiting = Place(
            question: id,
            waiter: entry.waiters.count,
            parked: parked.count,
            minIndex: minIndex
        )
        entry.waiters.append(connection)
        entries[Int(id.rawValue)] = entry
        parked.append(connection)
        deadlines.append(deadline)
        if deadline < nextDeadline { schedule(deadline, on: loop) }
        return true
    }

    /// Takes an entry out of its place, so that it is changed without a copy.
    private func take(_ id: QuestionID) -> Entry? {
        let entry = entries[Int(id.rawValue)]
        entries[Int(id.rawValue)] = nil
        return entry
    }

    private func identifier(
        of question: Question,
        latest: Evaluation,
        on loop: ConsulLoop
    ) -> QuestionID? {
        if let id = byQuestion[question] { return id }
        guard byQuestion.count < loop.limits.questionsMax else { return nil }
        let id = free.popLast() ?? QuestionID(rawValue: UInt32(entries.count))
        if Int(id.rawValue) == entries.count { entries.append(nil) }
        entries[Int(id.rawValue)] = Entry(
            question: question,
            known: latest.content
        )
        byQuestion[question] = id
        for topic in question.topics { loop.port.topics.subscribe(id, to: topic) }
        return id
    }

    /// Forgets a client, whether it was answered or went away.
    func leave(_ connection: ConsulConnection, on loop: ConsulLoop) {
        guard let place = connection.waiting else { return }
        connection.waiting = nil
        unpark(place.parked)
        guard var entry = take(place.question) else { return }
        if let last = entry.waiters.popLast(), last !== connection {
            entry.waiters[place.waiter] = last
            last.waiting?.waiter = place.waiter
        }
        entries[Int(place.question.rawValue)] = entry
        if entry.waiters.isEmpty { forget(place.question, on: loop) }
    }

    private func unpark(_ position: Int) {
        guard let last = parked.popLast(), let deadline = deadlines.popLast() else { return }
        guard position < parked.count else { return }
        parked[position] = last
        deadlines[position] = deadline
        last.waiting?.parked = position
    }

    private func forget(_ id: QuestionID, on loop: ConsulLoop) {
        guard let entry = take(id) else { return }
        for topic in entry.question.topics { loop.port.topics.unsubscribe(id, from: topic) }
        byQuestion[entry.question] = nil
        free.append(id)
    }

    // MARK: Waking

    /// Answers whom a change concerns; called by the port once a batch, and may read.
    func wake(_ woken: [QuestionID], on loop: ConsulLoop) {
        loop.refreshStatus()
        for id in woken { wake(id, on: loop) }
    }

    private func wake(_ id: QuestionID, on loop: ConsulLoop) {
        guard Int(id.rawValue) < entries.count, let entry = entries[Int(id.rawValue)] else {
            return
        }
        loop.counts.evaluations += 1
        let evaluation = Evaluator.evaluate(entry.question, on: loop)
        let isSame = evaluation.content.isKnown(from: entry.known)
        entries[Int(id.rawValue)]?.known = evaluation.content
        if isSame && evaluation.answer.head.status < 500 {
            return raise(id, to: evaluation.index)
        }
        var ready: [ConsulConnection] = []
        for waiter in entry.waiters {
            guard let place = waiter.waiting else { continue }
            let isError = evaluation.answer.head.status >= 500
            if isError || evaluation.index > place.minIndex { ready.append(waiter) }
        }
        let shared = SharedAnswer(evaluation.answer, loop)
        for waiter in ready { leave(waiter, on: loop) }
        loop.port.counts.answeredQueries &+= UInt64(ready.count)
        let time = loop.port.deliveredAt
        for waiter in ready { waiter.answerWaiting(shared, at: time) }
    }

    /// Nothing new at a higher index: who asked from below it has seen as much.
    private func raise(_ id: QuestionID, to index: UInt64) {
        for waiter in entries[Int(id.rawValue)]?.waiters ?? [] {
            guard let place = waiter.waiting, place.minIndex < index else { continue }
            waiter.waiting?.minIndex = index
        }
    }

    // MARK: Time

    private func schedule(_ deadline: Int64, on loop: ConsulLoop) {
        timer?.cancel()
        nextDeadline = deadline
        let delay = max(0, deadline - loop.port.clock.monotonic())
        let eventLoop = loop.eventLoop.assumeIsolated()
        timer = eventLoop.scheduleTask(in: .milliseconds(delay)) { [weak self, weak loop] in
            guard let self, let loop else { return }
            timeOut(on: loop)
        }
    }

    /// Answers those whose time is up with what there is.
    private func timeOut(on loop: ConsulLoop) {
        timer = nil
        nextDeadline = .max
        let now = loop.port.clock.monotonic()
        var due: [ConsulConnection] = []
        var earliest = Int64.max
        for position in deadlines.indices {
            if deadlines[position] <= now {
                due.append(parked[position])
            } else {
                earliest = min(earliest, deadlines[position])
            }
        }
        if earliest != .max { schedule(earliest, on: loop) }
        if !due.isEmpty { answer(due, on: loop) }
    }

    /// Answers everyone with what there is.
    func answerAll(on loop: ConsulLoop) {
        if !parked.isEmpty { answer(parked, on: loop) }
    }

    private func answer(_ due: [ConsulConnection], on loop: ConsulLoop) {
        guard loop.beginReading() else { return }
        defer { loop.port.end() }
        loop.refreshStatus()
        let time = loop.port.clock.microseconds()
        var shared: [QuestionID: SharedAnswer] = [:]
        for waiter in due {
            // The snapshot's events may have answered it just now.
            guard let place = waiter.waiting, let entry = entries[Int(place.question.rawValue)]
            else { continue }
            let answer =
                shared[place.question]
                ?? SharedAnswer(Evaluator.evaluate(entry.question, on: loop).answer, loop)
            shared[place.question] = answer
            leave(waiter, on: loop)
            waiter.answerWaiting(answer, at: time)
        }
    }

    func stop() {
        timer?.cancel()
        timer = nil
    }
}

/// An answer for many clients: its bytes for those that take the plain form are made once.
final class SharedAnswer {
    let answer: Answer
    private let loop: ConsulLoop
    private var encoded: ByteBuffer?

    init(_ answer: Answer, _ loop: ConsulLoop) {
        self.answer = answer
        self.loop = loop
    }

    /// Head and body for HTTP/1.1, kept alive, not compressed.
    var plain: ByteBuffer {
        if let encoded { return encoded }
        var buffer = ByteBuffer()
        AnswerEncoder.encode(answer, on: loop, into: &buffer)
        encoded = buffer
        return buffer
    }
}
