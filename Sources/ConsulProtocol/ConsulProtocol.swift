/// What Consul's HTTP API says on the wire: JSON as Go's encoding/json reads and writes it,
/// durations, numbers and URLs as Go's standard library does, the requests' models and the texts
/// of the errors, all as Consul 1.8.7 was seen to answer (/v1, agent 1.8).
///
/// The module is pure: bytes in, values or bytes out. It never does I/O, reads no clock, makes no
/// random numbers and knows nothing of connections or of the state; every parser is bounded by
/// `ConsulLimits`.
///
/// Map: `JSON` (parser, writer, indenter), `Go` (strconv, time.Duration, net/url, base64), `HTTP`
/// (paths, parameters, the head of an answer), `Models` (bodies of requests and answers),
/// `Filter` (the language of `?filter=`, go-bexpr).
///
/// A request's body or parameter that cannot be read; the text is what Go would have said.
public struct DecodeError: Error, Equatable, Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }
}
