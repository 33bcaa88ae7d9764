import ConsulProtocol
import Replica

/// What is asked about one node, which answers for itself and at once.
package enum NodeInquiry: Equatable, Sendable {
    case health(HealthInquiry)
    case logLevel
    /// - Parameter milliseconds: for how long; nil: until it is set again.
    case setLogLevel(String, milliseconds: Int64?)
}

/// /livez and /readyz.
package struct HealthInquiry: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case live = "livez"
        case ready = "readyz"
    }

    package var kind: Kind
    /// The one check that is asked for; empty: all.
    package var check = ""
    package var excluded: [String] = []
    /// Whether the answer names the checks also when all is well.
    package var isVerbose = false

    package init(_ kind: Kind) {
        self.kind = kind
    }
}

/// /livez, /readyz and /v1/roost/log-level.
enum NodeHandler {
    static func answer(_ request: Request, _ loop: ConsulLoop) -> Answer {
        switch request.endpoint {
        case .livez: health(.live, request, loop)
        case .readyz: health(.ready, request, loop)
        default: logLevel(request, loop)
        }
    }

    private static func health(
        _ kind: HealthInquiry.Kind,
        _ request: Request,
        _ loop: ConsulLoop
    ) -> Answer {
        var inquiry = HealthInquiry(kind)
        inquiry.check = String(decoding: request.suffix, as: UTF8.self)
        inquiry.excluded = request.parameters.all("exclude")
        inquiry.isVerbose = request.parameters.has("verbose")
        let result = loop.settings.inquire(.health(inquiry))
        return .text(result.status, String(decoding: result.body, as: UTF8.self))
    }

    private static func logLevel(_ request: Request, _ loop: ConsulLoop) -> Answer {
        guard request.method == .put else { return answer(loop.settings.inquire(.logLevel)) }
        let level = request.parameters.first("level")
        guard !level.isEmpty else { return .text(400, "Must specify ?level= with a log level") }
        let duration = request.parameters.first("duration")
        var milliseconds: Int64?
        if !duration.isEmpty {
            do throws(DecodeError) {
                milliseconds = try GoDuration(parsing: duration).milliseconds
            } catch {
                return .text(400, error.text)
            }
        }
        return answer(loop.settings.inquire(.setLogLevel(level, milliseconds: milliseconds)))
    }

    private static func answer(_ result: OperatorAnswer) -> Answer {
        guard result.status == 200 else {
            return .text(result.status, String(decoding: result.body, as: UTF8.self))
        }
        return .json(result.body)
    }
}
