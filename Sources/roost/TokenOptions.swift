import ArgumentParser
import Foundation

/// The ACL token that a command shows, from the places where `consul` looks for it.
struct TokenOptions: ParsableArguments {
    @Option(
        help: """
            The secret of an ACL token. Other users of this machine can see it here; better name \
            a file. \
            [environment: CONSUL_HTTP_TOKEN]
            """
    )
    var token: String?

    @Option(help: "A file that holds nothing else. [environment: CONSUL_HTTP_TOKEN_FILE]")
    var tokenFile: String?

    private static let fileBytesMax = 4_096

    /// The secret; "": none. What is said on the command line wins, then the variable with a file,
    /// as in `consul`.
    func secret(_ environment: [String: String]) throws(CommandFailure) -> String {
        if let token { return token }
        if let file = tokenFile ?? environment["CONSUL_HTTP_TOKEN_FILE"] {
            return try Self.contents(of: file)
        }
        return environment["CONSUL_HTTP_TOKEN"] ?? ""
    }

    private static func contents(of file: String) throws(CommandFailure) -> String {
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
            throw .file(path: file, reason: CommandFailure.reason(of: error))
        }
        let text = String(validating: data.prefix(fileBytesMax), as: UTF8.self) ?? ""
        let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty, !secret.contains(where: \.isWhitespace) else {
            throw .file(path: file, reason: "wanted: one line with a token")
        }
        return secret
    }
}
