import ArgumentParser
import Foundation

/// What all client commands share.
struct ClientOptions: ParsableArguments {
    @Option(
        help: """
            The server's HTTP address. [environment: ROOST_HTTP_ADDR, CONSUL_HTTP_ADDR; \
            default: http://127.0.0.1:8500]
            """
    )
    var address: String?

    @OptionGroup var tls: ClientSecurity
    @OptionGroup var access: TokenOptions

    @Flag(help: "Print JSON lines.")
    var json = false

    var client: ConsulClient {
        get throws(CommandFailure) {
            let environment = ProcessInfo.processInfo.environment
            let named = environment["ROOST_HTTP_ADDR"] ?? environment["CONSUL_HTTP_ADDR"]
            return try ConsulClient(
                address: address ?? named ?? "127.0.0.1:8500",
                security: try tls.resolved(environment),
                token: access.secret(environment)
            )
        }
    }

    /// Runs a command's body; a failure is printed and becomes the exit code.
    func perform(_ body: (ConsulClient) async throws -> Void) async throws {
        do {
            try await body(try client)
        } catch let failure as CommandFailure {
            throw failure.reported()
        }
    }
}
