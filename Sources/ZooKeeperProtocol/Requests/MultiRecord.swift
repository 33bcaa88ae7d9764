import Bytes
package import Commands

/// A multi or a multiRead: steps, each with a header, and an end marker.
///
/// ```
/// step   opcode Int32, done bool = 0, error Int32 = -1, the operation's record
/// end    -1 Int32, done bool = 1, -1 Int32
/// ```
/// One step is read at a time; the caller switches on its opcode and reads its record.
package struct MultiHeader: Equatable, Sendable {
    package static let byteCount = 9

    package var opcode: Int32
    package var isDone: Bool
    package var error: Int32

    package init(opcode: Int32, isDone: Bool, error: Int32) {
        self.opcode = opcode
        self.isDone = isDone
        self.error = error
    }

    package static let end = MultiHeader(opcode: -1, isDone: true, error: -1)

    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        opcode = try reader.int()
        isDone = try reader.bool()
        error = try reader.int()
    }

    @_lifetime(output: copy output)
    package func write(into output: inout OutputRawSpan) {
        output.integer(opcode)
        output.integer(UInt8(isDone ? 1 : 0))
        output.integer(error)
    }
}

/// The writes of a multi, decoded.
package struct MultiRecord: Equatable, Sendable {
    package var operations: [MultiOperation] = []
    /// The opcode of each, which says what its result looks like.
    package var opcodes: [Opcode] = []

    /// nil: an operation that no multi may hold.
    @_lifetime(reader: copy reader)
    package init?(_ reader: inout JuteReader) throws(JuteError) {
        while true {
            let header = try MultiHeader(&reader)
            if header.isDone { return }
            guard let opcode = Opcode(rawValue: header.opcode) else { return nil }
            guard let operation = try Self.operation(opcode, &reader) else { return nil }
            operations.append(operation)
            if case .create(let create) = operation, create.request == .container {
                opcodes.append(.createContainer)
            } else {
                opcodes.append(opcode)
            }
        }
    }

    @_lifetime(reader: copy reader)
    private static func operation(
        _ opcode: Opcode,
        _ reader: inout JuteReader
    ) throws(JuteError) -> MultiOperation? {
        switch opcode {
        case .create, .create2, .createContainer, .createTTL:
            return .create(try create(opcode, &reader))
        case .delete:
            let record = try VersionedPathRecord(&reader)
            let path = ByteString(copying: record.path)
            return .delete(DeleteOperation(path: path, version: record.version))
        case .setData:
            let record = try SetDataRecord(&reader)
            let path = ByteString(copying: record.path)
            let data = record.copiedData()
            return .setData(SetDataOperation(path: path, data: data, version: record.version))
        case .check:
            let record = try VersionedPathRecord(&reader)
            let path = ByteString(copying: record.path.asLogged)
            return .check(CheckOperation(path: path, version: record.version))
        default: return nil
        }
    }

    @_lifetime(reader: copy reader)
    private static func create(
        _ opcode: Opcode,
        _ reader: inout JuteReader
    ) throws(JuteError) -> CreateOperation {
        let record = try CreateRecord(&reader, hasTimeToLive: opcode == .createTTL)
        // A mode that there is not, or that needs a time to live, spoils the whole multi, not only
        // its step.
        let known = opcode == .createTTL ? CreateRecord.knownFlags : CreateRecord.flagsWithoutTTL
        guard known.contains(record.flags) else {
            throw .badCount(offset: 0, count: record.flags)
        }
        // Elsewhere a plain create does not know the container's mode.
        let isContainer = opcode != .createTTL && record.flags == CreateRecord.containerFlags
        return CreateOperation(
            path: ByteString(copying: record.path),
            data: record.copiedData(),
            acl: try record.decodedACL(),
            flags: record.flags,
            request: isContainer ? .container : record.request(opcode)
        )
    }
}

extension CreateRecord {
    /// Which of the create requests this is.
    package func request(_ opcode: Opcode) -> CreateRequest {
        if let timeToLiveMilliseconds {
            return .timeToLive(milliseconds: timeToLiveMilliseconds)
        }
        return opcode == .createContainer ? .container : .plain
    }
}
