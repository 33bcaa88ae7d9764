package import Bytes

/// The first frame of a connection.
///
/// ```
/// protocol version Int32, lastZxidSeen Int64, timeout ms Int32, session Int64,
/// password buffer, readOnly bool (absent before 3.4)
/// ```
package struct ConnectRequest: Equatable, Sendable {
    package var protocolVersion: Int32
    package var lastZxidSeen: Int64
    package var timeoutMilliseconds: Int32
    package var session: Int64
    package var password: [UInt8]
    /// nil: the client is too old to know the field, and the reply leaves it out too.
    package var readOnly: Bool?

    package init(
        protocolVersion: Int32 = 0,
        lastZxidSeen: Int64 = 0,
        timeoutMilliseconds: Int32,
        session: Int64 = 0,
        password: [UInt8] = [],
        readOnly: Bool? = false
    ) {
        self.protocolVersion = protocolVersion
        self.lastZxidSeen = lastZxidSeen
        self.timeoutMilliseconds = timeoutMilliseconds
        self.session = session
        self.password = password
        self.readOnly = readOnly
    }

    package init(_ frame: RawSpan) throws(JuteError) {
        var reader = JuteReader(frame)
        protocolVersion = try reader.int()
        lastZxidSeen = try reader.long()
        timeoutMilliseconds = try reader.int()
        session = try reader.long()
        password = try reader.copiedBuffer()
        readOnly = reader.remaining > 0 ? try reader.bool() : nil
    }

    /// With its length before it.
    package func encodeFrame(into writer: inout ByteWriter) {
        let fixed = 28 + password.count
        writer.integer(Int32(readOnly == nil ? fixed : fixed + 1))
        writer.integer(protocolVersion)
        writer.integer(lastZxidSeen)
        writer.integer(timeoutMilliseconds)
        writer.integer(session)
        writer.integer(Int32(password.count))
        writer.append(password)
        if let readOnly { writer.integer(UInt8(readOnly ? 1 : 0)) }
    }
}

/// The answer to it. A session that does not exist is told by zeros, then the connection closes.
///
/// ```
/// protocol version Int32, timeout ms Int32, session Int64, password buffer, readOnly bool
/// ```
package struct ConnectReply: Equatable, Sendable {
    package static let passwordBytes = 16

    package var timeoutMilliseconds: Int32
    package var session: Int64
    package var password: [UInt8]
    package var readOnly: Bool?

    package init(
        timeoutMilliseconds: Int32,
        session: Int64,
        password: [UInt8],
        readOnly: Bool?
    ) {
        self.timeoutMilliseconds = timeoutMilliseconds
        self.session = session
        self.password = password
        self.readOnly = readOnly
    }

    /// "Your session has expired."
    package static func refusal(readOnly: Bool?) -> ConnectReply {
        ConnectReply(
            timeoutMilliseconds: 0,
            session: 0,
            password: [UInt8](repeating: 0, count: passwordBytes),
            readOnly: readOnly
        )
    }

    package init(_ frame: RawSpan) throws(JuteError) {
        var reader = JuteReader(frame)
        _ = try reader.int()
        timeoutMilliseconds = try reader.int()
        session = try reader.long()
        password = try reader.copiedBuffer()
        readOnly = reader.remaining > 0 ? try reader.bool() : nil
    }

    /// With its length before it.
    package var frameBytes: Int { 24 + password.count + (readOnly == nil ? 0 : 1) }

    @_lifetime(output: copy output)
    package func write(into output: inout OutputRawSpan) {
        output.integer(Int32(frameBytes - 4))
        output.integer(Int32(0))
        output.integer(timeoutMilliseconds)
        output.integer(session)
        output.integer(Int32(password.count))
        output.copy(password.rawSpan)
        if let readOnly { output.integer(UInt8(readOnly ? 1 : 0)) }
    }
}
