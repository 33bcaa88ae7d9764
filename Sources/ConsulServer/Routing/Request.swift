import Bytes
import Commands
import ConsulProtocol
import NIOCore
import Replica

/// A request whose head and body are there.
struct Request {
    enum Method: Equatable {
        case get
        case put
        case delete
        case post
        case options
        case head
        case other(String)

        var name: String {
            switch self {
            case .get: "GET"
            case .put: "PUT"
            case .delete: "DELETE"
            case .post: "POST"
            case .options: "OPTIONS"
            case .head: "HEAD"
            case .other(let name): name
            }
        }

        func isOne(of methods: Methods) -> Bool {
            switch self {
            case .get: methods.contains(.get)
            case .put: methods.contains(.put)
            case .delete: methods.contains(.delete)
            case .post: methods.contains(.post)
            case .options, .head, .other: false
            }
        }
    }

    var endpoint: Endpoint
    var method: Method
    /// What follows the endpoint's prefix: a key, a name, an identifier.
    var suffix: [UInt8]
    var parameters: QueryParameters
    var cacheControl = ""
    var body: ByteBuffer?
    var client = ClientAddress.none
    /// What a header says about who asks; `?token=` comes before it.
    var headerToken = ""
    /// Of the token that was shown, once it is known.
    var accessor: ByteString?
    /// Whether the state has been waited for, as `Step.wait` had it.
    var hasWaited = false

    var suffixName: ByteString { ByteString(suffix) }

    /// The body as JSON; the error is Go's.
    func json(_ limits: ConsulLimits) throws(DecodeError) -> JSONValue {
        guard let body else { throw DecodeError("EOF") }
        return try JSONParser.parse(body.readableBytesSpan, depthMax: limits.jsonDepthMax)
    }

    var commandHeader: CommandHeader {
        CommandHeader(client: client, token: accessor.flatMap { UUIDValue($0.bytes) })
    }
}

/// A whole answer.
struct Answer {
    var head: AnswerHead
    var body: [UInt8] = []
    /// HEAD: the length is told, the body is not.
    var omitsBody = false
    /// How long a body is that follows the answer by itself.
    var followingBytes: Int?

    static func json(_ body: [UInt8], metadata: AnswerMetadata? = nil, status: Int = 200) -> Answer
    {
        var head = AnswerHead(status: status, content: .json)
        head.metadata = metadata
        return Answer(head: head, body: body)
    }

    /// An error, or another plain text whose type Go guesses.
    static func text(_ status: Int, _ text: String) -> Answer {
        Answer(head: AnswerHead(status: status, content: .guessedText), body: Array(text.utf8))
    }

    static func empty(_ status: Int) -> Answer {
        Answer(head: AnswerHead(status: status))
    }

    static let yes = Answer.json(Array("true".utf8))
    static let no = Answer.json(Array("false".utf8))
}

/// What is to be done for a request. A handler decides; the connection does it.
enum Step {
    case answer(Answer)
    /// Put these commands in the log, in order, and answer by the last one's outcome.
    case propose([[UInt8]], Continuation)
    case ask(Question, ReadOptions)
    /// Wait until the state is as fresh as this; then the request is handled once more.
    case wait(Request, Consistency)
    /// Have the leader carry it out.
    case operate(OperatorRequest)
    /// Collect the node's metrics.
    case collect(MetricsFormat)
    /// Send the whole state; a stale one is this node's as it is.
    case export(isStale: Bool)
}

/// How the outcome of a command becomes an answer.
enum Continuation {
    /// true or false.
    case keyWrite
    /// 200 with "true".
    case catalogWrite
    /// 200 with no body.
    case agentWrite
    /// {"ID": ...}
    case sessionCreate(id: ByteString)
    case transaction(operations: [TransactionOperation], places: [Int])
    /// The token; with its secret as its ID, as the bootstrap has it.
    case token(hasID: Bool)
}
