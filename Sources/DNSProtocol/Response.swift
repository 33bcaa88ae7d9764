import Bytes

/// What a query is answered.
public struct Response: Sendable {
    public var code: ResponseCode
    public var isAuthoritative = true
    public var offersRecursion = false
    /// Whether a client that speaks EDNS is answered in it.
    public var speaksEDNS = true
    public var answers: [Record] = []
    public var authority: [Record] = []
    public var additional: [Record] = []
    /// Whether any part of the answers is of use without the rest, as of a service's instances.
    public var isDivisible = false
    var isTruncated = false

    public init(_ code: ResponseCode = .noError) {
        self.code = code
    }

    /// How much of an answer a datagram carries.
    public struct DatagramBounds: Sendable {
        /// Consul's `udp_answer_limit`: records for a client without EDNS.
        public let plainAnswersMax: Int
        /// Consul's `enable_truncate`: whether the client is told that there is more.
        let saysTruncated: Bool

        /// What an operator may choose for them: Consul gives no more, whatever it is told.
        public static let plainAnswers = 1...8

        public init(plainAnswersMax: Int, saysTruncated: Bool) {
            precondition(Self.plainAnswers.contains(plainAnswersMax), "\(plainAnswersMax)")
            self.plainAnswersMax = plainAnswersMax
            self.saysTruncated = saysTruncated
        }

        /// Records of an answer that this client can be told of; if there are more of them, one
        /// more is enough to know that.
        public func answersMax(for query: Query) -> Int {
            let bytes = bytesMax(for: query)
            return bytes == Self.plainBytes
                ? plainAnswersMax : bytes / Response.bytesMin(query.type)
        }

        fileprivate func bytesMax(for query: Query) -> Int {
            let payload = Int(query.edns?.payloadBytes ?? 0)
            return min(max(payload, Self.plainBytes), Self.bytesMax)
        }

        /// What a client takes that says nothing (RFC 1035, 2.3.4).
        static let plainBytes = 512
        /// What fits behind the headers of IP and UDP, with Consul's margin.
        static let bytesMax = 65_535 - 68
    }

    /// What fits in the length before a message over TCP, with Consul's margin.
    static let streamBytesMax = 65_523

    /// As many records as fit over TCP.
    public static func streamAnswersMax(for query: Query) -> Int {
        streamBytesMax / bytesMin(query.type)
    }

    /// What a record takes at least behind the pointer to its name: an address four bytes, an SRV
    /// record its figures and the shortest name.
    fileprivate static func bytesMin(_ type: RecordType) -> Int {
        type == .srv ? 12 + 6 + 3 : 12 + 4
    }

    // MARK: Messages

    /// The message for a client that is connected.
    public func stream(to query: Query) -> [UInt8] {
        let message = encoded(to: query)
        guard message.count > Self.streamBytesMax else { return message }
        return longest(of: answers.count) { part in
            let message = part.encoded(to: query)
            return message.count <= Self.streamBytesMax ? message : nil
        } ?? cut(to: query, Self.streamBytesMax)
    }

    /// The message for a client that sent a datagram: with as many of the answers as it takes.
    ///
    /// One without EDNS gets at most `plainAnswersMax` of them; where that is not all, as many as
    /// would fit without compression, as Consul counts. What cannot be divided is sent without its
    /// additional records, or as truncated: the client asks again over TCP.
    public func datagram(to query: Query, _ bounds: DatagramBounds) -> [UInt8] {
        let bytesMax = bounds.bytesMax(for: query)
        guard isDivisible else {
            let message = encoded(to: query)
            return message.count <= bytesMax ? message : cut(to: query, bytesMax)
        }
        let most = bounds.answersMax(for: query)
        let isMany = bytesMax == DatagramBounds.plainBytes && answers.count > most
        let whole = isMany ? shortened(to: most, bounds.saysTruncated, targets) : self
        if let message = whole.fitting(query, bytesMax, isCounted: isMany) { return message }
        let part = longest(of: whole.answers.count - 1) { part in
            var part = part
            part.isTruncated = bounds.saysTruncated
            return part.fitting(query, bytesMax, isCounted: isMany)
        }
        return part ?? shortened(to: 1, true, targets).cut(to: query, bytesMax)
    }

    /// The message, if it is no longer than the client takes.
    /// - Parameter isCounted: whether it must be so without compression, and with UDP's header.
    private func fitting(_ query: Query, _ bytesMax: Int, isCounted: Bool) -> [UInt8]? {
        if isCounted, encoded(to: query, isCompressed: false).count > bytesMax - 8 { return nil }
        let message = encoded(to: query)
        return message.count <= bytesMax ? message : nil
    }

    /// The one with most answers that `encode` takes, of 1 to `count` of them.
    private func longest(of count: Int, _ encode: (Response) -> [UInt8]?) -> [UInt8]? {
        var best: [UInt8]?
        let targets = targets
        var (least, most) = (1, count)
        while least <= most {
            let middle = (least + most) / 2
            if let message = encode(shortened(to: middle, false, targets)) {
                best = message
                least = middle + 1
            } else {
                most = middle - 1
            }
        }
        return best
    }

    /// The first answers, and of the additional records one for each of their targets, with where
    /// that one's own name leads to.
    private func shortened(
        to count: Int,
        _ saysTruncated: Bool,
        _ targets: [DomainName: Record]
    ) -> Response {
        var part = self
        part.answers = Array(answers.prefix(count))
        part.isTruncated = saysTruncated
        part.additional = []
        var first = targets
        for answer in part.answers {
            guard case .srv(_, _, let target) = answer.data else { continue }
            var next: DomainName? = target.lowercased
            while let name = next, let record = first.removeValue(forKey: name) {
                part.additional.append(record)
                next = nil
                if case .cname(let alias) = record.data { next = alias.lowercased }
            }
        }
        return part
    }

    /// The first additional record of each name.
    private var targets: [DomainName: Record] {
        var first: [DomainName: Record] = [:]
        for record in additional {
            let name = record.owner.lowercased
            if first[name] == nil { first[name] = record }
        }
        return first
    }

    /// Without what a client can do without, and marked as truncated if that is not enough.
    private func cut(to query: Query, _ bytesMax: Int) -> [UInt8] {
        var part = self
        part.additional = []
        let message = part.encoded(to: query)
        if message.count <= bytesMax, !isTruncated { return message }
        part.isTruncated = true
        while !part.answers.isEmpty, part.encoded(to: query).count > bytesMax {
            part.answers.removeLast((part.answers.count + 1) / 2)
        }
        return part.encoded(to: query)
    }

    /// ```
    /// | id 2 | flags 2 | number of questions 2, answers 2, authority 2, additional 2 |
    /// | question: name, type 2, class 2 | answers | authority | additional |
    /// ```
    func encoded(to query: Query, isCompressed: Bool = true) -> [UInt8] {
        var writer = MessageWriter(isCompressed: isCompressed)
        let edns = speaksEDNS ? query.edns : nil
        writer.integer(query.id)
        writer.integer(flags(query) | code.rawValue)
        for count in [
            1, answers.count, authority.count, additional.count + (edns == nil ? 0 : 1),
        ] {
            writer.integer(UInt16(clamping: count))
        }
        writer.questionName(query.name)
        writer.integer(query.type.rawValue)
        writer.integer(query.queryClass)
        for record in answers { writer.record(record) }
        for record in authority { writer.record(record) }
        for record in additional { writer.record(record) }
        if let edns { writer.edns(edns) }
        return writer.bytes
    }

    private func flags(_ query: Query) -> UInt16 {
        let operation = query.flags & Flags.operation
        var flags = Flags.response | operation | query.flags & Flags.checkingDisabled
        if operation == 0 { flags |= query.flags & Flags.recursionDesired }
        if isAuthoritative { flags |= Flags.authoritative }
        if offersRecursion { flags |= Flags.recursionAvailable }
        if isTruncated { flags |= Flags.truncated }
        return flags
    }
}
