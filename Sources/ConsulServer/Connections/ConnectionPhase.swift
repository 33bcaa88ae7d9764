import ConsulProtocol

/// What a connection is doing.
enum ConnectionPhase {
    case idle
    /// A request is coming in.
    case receiving
    /// A request waits for the log, for a barrier, or for news.
    case working(ConnectionWork)
    /// Nothing more is read; the channel closes when the last answer is out.
    case closing
}

/// What a working connection waits for.
enum ConnectionWork {
    /// `left` commands have not been answered.
    case commands(left: Int, Continuation)
    /// In which term this node led when it asked; nil: it did not.
    case barrier(Inquiry, ledTerm: UInt64?)
    case news
    /// Somebody else's answer, which is of this kind.
    case operation(AnswerHead.Content)
    case export
    /// The answer is there since then, in microseconds; `flush` writes it.
    case answered(Answer, at: Int64)
    /// The barrier was passed in this term; `flush` goes on with what waited for it.
    case passed(Inquiry, ledTerm: UInt64?)
}

/// What waits for a barrier.
enum Inquiry {
    case question(Question, ReadOptions)
    /// A request that is handled once more. Indirect, so that the phase of every other connection
    /// need not have room for it.
    indirect case request(Request, Consistency)

    var consistency: Consistency {
        switch self {
        case .question(_, let options): options.consistency
        case .request(_, let consistency): consistency
        }
    }
}
