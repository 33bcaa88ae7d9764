import Bytes

/// How fresh an answer must be.
public enum Consistency: UInt8, Hashable, Sendable {
    /// The leader's word, without asking the others.
    case leader
    /// The leader's word after it made sure that it still is the leader.
    case consistent
    /// Any server's word.
    case stale

    /// As X-Consul-Effective-Consistency has it.
    public var name: String {
        switch self {
        case .leader: "leader"
        case .consistent: "consistent"
        case .stale: "stale"
        }
    }
}

/// What every read may be asked with.
public struct ReadOptions: Equatable, Sendable {
    public var consistency = Consistency.leader
    /// Wait until the answer's index is above this; 0 = answer now.
    public var index: UInt64 = 0
    public var waitMilliseconds: Int64 = 0
    public var isCached = false
    /// The text of `?filter=`.
    public var filter = ""

    public init() {}

    /// Reads the parameters; the error is the text of a 400.
    ///
    /// - Parameter cacheControl: the value of that header.
    public init(
        _ parameters: QueryParameters,
        cacheControl: String,
        limits: ConsulLimits
    ) throws(DecodeError) {
        if parameters.isEmpty {
            try checkCacheControl(cacheControl)
            return
        }
        filter = parameters.first("filter")
        try readConsistency(parameters)
        try checkCacheControl(cacheControl)
        try readWait(parameters, limits)
    }

    /// Reads all but how long to wait, for what does not change.
    public init(
        now parameters: QueryParameters,
        cacheControl: String
    ) throws(DecodeError) {
        if !parameters.isEmpty { try readConsistency(parameters) }
        try checkCacheControl(cacheControl)
    }

    private mutating func readConsistency(
        _ parameters: QueryParameters
    ) throws(DecodeError) {
        let isStale = parameters.has("stale")
        let isConsistent = parameters.has("consistent")
        if isStale && isConsistent {
            throw DecodeError("Cannot specify ?stale with ?consistent, conflicting semantics.")
        }
        consistency = isStale ? .stale : isConsistent ? .consistent : .leader
        isCached = parameters.has("cached")
        if isCached && isConsistent {
            throw DecodeError("Cannot specify ?cached with ?consistent, conflicting semantics.")
        }
    }

    /// Reads only how long to wait, for the agent's own endpoints, which know no consistency.
    public init(
        waiting parameters: QueryParameters,
        limits: ConsulLimits
    ) throws(DecodeError) {
        consistency = .stale
        if !parameters.isEmpty { try readWait(parameters, limits) }
    }

    private mutating func readWait(
        _ parameters: QueryParameters,
        _ limits: ConsulLimits
    ) throws(DecodeError) {
        var wait: Int64 = 0
        let waitText = parameters.first("wait")
        if !waitText.isEmpty {
            do throws(DecodeError) {
                wait = try GoDuration(parsing: waitText).milliseconds
            } catch {
                throw DecodeError("Invalid wait time")
            }
        }
        let indexText = parameters.first("index")
        if !indexText.isEmpty {
            do throws(DecodeError) {
                index = try Strconv.parseUnsigned(indexText)
            } catch {
                throw DecodeError("Invalid index")
            }
        }
        if wait <= 0 { wait = limits.waitDefaultMilliseconds }
        waitMilliseconds = min(wait, limits.waitMaxMilliseconds)
    }

    /// `max-age=N`, `stale-if-error=N`, `must-revalidate`, and nothing else of note.
    private func checkCacheControl(_ header: String) throws(DecodeError) {
        if header.isEmpty { return }
        for part in header.lowercased().split(separator: ",") {
            let words = part.split(separator: "=", maxSplits: 1)
            let name = words.first.map(Self.trimmed) ?? ""
            guard name == "max-age" || name == "stale-if-error" else { continue }
            guard words.count == 2, Int64(Self.trimmed(words[1])) != nil else {
                throw DecodeError("Invalid Cache-Control header.")
            }
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
