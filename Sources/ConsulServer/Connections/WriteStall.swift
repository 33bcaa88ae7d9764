import NIOCore

/// Whether a client takes what is written to it.
struct WriteStall {
    private var since: Int64 = 0
    private var bytes = 0

    /// For how many milliseconds the same bytes have waited in the channel.
    /// - Parameter channel: nil: there is none any more.
    mutating func duration(of channel: (any Channel)?, now: Int64) -> Int64 {
        // A channel without the option is a test's, which holds nothing back.
        let buffered = (try? channel?.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if buffered == 0 || buffered != bytes { (since, bytes) = (now, buffered) }
        return now - since
    }
}
