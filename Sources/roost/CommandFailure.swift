import ArgumentParser
import Foundation

/// Every way in which a command fails: what, where, and what to do about it.
enum CommandFailure: Error, CustomStringConvertible {
    case absent(String)
    case conditionNotMet(String)
    case refused(status: UInt, text: String, what: String)
    case unreachable(address: String, reason: String)
    case badAddress(String)
    case unexpectedAnswer(String, what: String)
    case file(path: String, reason: String)
    /// What is in a file is not what was put there.
    case damaged(path: String, reason: String)
    /// A file is something else, or of a later version.
    case foreign(path: String, reason: String)
    case configuration(String)
    case server(String)

    var description: String {
        switch self {
        case .absent(let what): "\(what) is not there"
        case .conditionNotMet(let what): what
        case .refused(let status, let text, let what):
            "\(what) was refused with HTTP \(status): "
                + (text.isEmpty ? "(no reason given)" : text)
        case .unreachable(let address, let reason):
            "no answer from \(address) (\(reason)); is a server running there? "
                + "Name another with --address or ROOST_HTTP_ADDR"
        case .badAddress(let text):
            "'\(text)' is not an address; write http://HOST:PORT or HOST:PORT"
        case .unexpectedAnswer(let answer, let what):
            "\(what) was answered with something else than Consul's API says: \(answer)"
        case .file(let path, let reason), .damaged(let path, let reason),
            .foreign(let path, let reason):
            "\(path): \(reason)"
        case .configuration(let problem): problem
        case .server(let reason): "the server stopped: \(reason)"
        }
    }

    var exitCode: ExitCode {
        switch self {
        case .absent, .conditionNotMet: ExitCode(1)
        case .refused, .unexpectedAnswer, .server: ExitCode(2)
        case .unreachable: ExitCode(3)
        case .file, .configuration: ExitCode(4)
        case .damaged: ExitCode(5)
        case .foreign: ExitCode(6)
        case .badAddress: ExitCode(64)
        }
    }

    /// What Foundation says of a system's error, without its preamble.
    static func reason(of error: any Error) -> String {
        error.localizedDescription.replacing("The operation could not be completed. ", with: "")
    }

    /// Prints the failure on stderr; what is thrown then only carries the exit code.
    func reported() -> ExitCode {
        Terminal.complain("\(self)")
        return exitCode
    }
}
