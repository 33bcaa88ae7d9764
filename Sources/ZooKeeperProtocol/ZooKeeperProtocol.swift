package import Bytes

/// ZooKeeper's client protocol: the bytes of jute frames, and the texts of four-letter words.
///
/// Requests are read in place: a decoded request holds slices of the receive buffer. Answers are
/// written straight into reserved memory of the send buffer (`OutputRawSpan`), whose exact size is
/// asked first. The module decides nothing: it keeps no session, reads no state and no clock, and
/// does no I/O. Decoding never traps: bad bytes are a `JuteError`.
///
/// Map: `JuteReader` reads jute's types; `Connect` is the first exchange of a connection;
/// `Opcode`, `RequestHeader` and the records in `Requests/` are what clients ask; `Replies` is
/// what they are told; `ErrorCode` names the codes; `ZnodePath` has the rules of paths;
/// `FourLetterWord` and `Texts/` are the operator's side door.
///
/// ```
/// frame     length Int32, then that many bytes; all integers are big-endian
/// ustring   length Int32 (-1 = null), UTF-8
/// buffer    length Int32 (-1 = null), bytes
/// vector    count Int32 (-1 = null), items
/// request   xid Int32, opcode Int32, record
/// reply     xid Int32, zxid Int64, error Int32, record (absent if error != 0)
/// ```
package enum JuteError: Error, Equatable, Sendable {
    /// The record is cut short, or a length in it is impossible.
    case malformed(BytesError)
    /// A count that the rest of the frame cannot hold.
    case badCount(offset: Int, count: Int32)
}
