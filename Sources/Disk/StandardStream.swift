internal import Glibc

/// Where a process says what it has to say. The descriptors are everybody's, and never closed here.
public enum StandardStream: Int32, Sendable {
    case output = 1
    case error = 2

    private var name: String {
        switch self {
        case .output: "standard output"
        case .error: "standard error"
        }
    }

    /// Writes all of `span`, as far as whatever is behind the stream takes it: a full disk or a
    /// reader that has gone is an error, and no end of the process.
    public func write(_ span: RawSpan) throws(DiskError) {
        var done = 0
        while done < span.byteCount {
            let rest = span.extracting(done..<span.byteCount)
            done += try checked(.write, name) {
                unsafe rest.withUnsafeBytes { buffer in
                    unsafe Glibc.write(rawValue, buffer.baseAddress, buffer.count)
                }
            }
        }
    }

    /// Text in one piece; see `write(_:)`.
    public func write(_ text: String) throws(DiskError) {
        let bytes = Array(text.utf8)
        try write(unsafe bytes.span.bytes)
    }
}
