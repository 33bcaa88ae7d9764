import Bytes
import Raft
import Replica
import StateMachine

/// What nodes say of their states.
///
///     report:  | digests since | equal at | flags 1: bit 0 diverged
///              | equal at, differs at, if diverged
///              | count | (index, digest 8) * count |
///     verdict: | equal at | flags 1: bit 0 different | first, index, digest 8, if different |
///
/// Numbers without a width are varints. Only nodes whose welcome says so understand these frames.
enum StateCodec {
    static func write(_ report: StateReport, to writer: inout ByteWriter) {
        writer.varint(report.since)
        writer.varint(report.equalAt.rawValue)
        writer.integer(UInt8(report.divergence == nil ? 0 : 1))
        if let divergence = report.divergence {
            writer.varint(divergence.equalAt.rawValue)
            writer.varint(divergence.differsAt.rawValue)
        }
        writer.varint(UInt64(report.marks.count))
        for mark in report.marks { write(mark, to: &writer) }
    }

    @_lifetime(reader: copy reader)
    static func report(_ reader: inout SpanReader) throws(BytesError) -> StateReport {
        let since = try reader.varint()
        var report = StateReport(since: since, equalAt: LogIndex(try reader.varint()), marks: [])
        if try flag(&reader) {
            let equalAt = LogIndex(try reader.varint())
            let differsAt = LogIndex(try reader.varint())
            report.divergence = Divergence(equalAt: equalAt, differsAt: differsAt)
        }
        for _ in 0..<(try reader.count(bytesMin: 9)) { report.marks.append(try mark(&reader)) }
        return report
    }

    static func write(_ verdict: StateVerdict, to writer: inout ByteWriter) {
        writer.varint(verdict.equalAt.rawValue)
        writer.integer(UInt8(verdict.difference == nil ? 0 : 1))
        guard let difference = verdict.difference else { return }
        writer.varint(difference.first.rawValue)
        write(difference.evidence, to: &writer)
    }

    @_lifetime(reader: copy reader)
    static func verdict(_ reader: inout SpanReader) throws(BytesError) -> StateVerdict {
        var verdict = StateVerdict(equalAt: LogIndex(try reader.varint()))
        guard try flag(&reader) else { return verdict }
        let first = LogIndex(try reader.varint())
        verdict.difference = StateVerdict.Difference(first: first, evidence: try mark(&reader))
        return verdict
    }

    private static func write(_ mark: StateMark, to writer: inout ByteWriter) {
        writer.varint(mark.index)
        writer.integer(mark.digest)
    }

    @_lifetime(reader: copy reader)
    private static func mark(_ reader: inout SpanReader) throws(BytesError) -> StateMark {
        let index = try reader.varint()
        return StateMark(index: index, digest: try reader.integer())
    }

    @_lifetime(reader: copy reader)
    private static func flag(_ reader: inout SpanReader) throws(BytesError) -> Bool {
        let offset = reader.offset
        let flags: UInt8 = try reader.integer()
        guard flags <= 1 else { throw .badTag(offset: offset, tag: UInt64(flags)) }
        return flags == 1
    }
}
