import ArgumentParser
import Foundation

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Follow a server and its cluster on one screen, live.",
        discussion: """
            What roost status shows, drawn anew every --interval seconds, with the rates since the
            time before. q, Escape or Ctrl-C ends it and gives the terminal back as it was; a server
            that goes away is said to be away until it is back. With --once, or where stdin or
            stdout is no terminal, one frame is printed.

            EXAMPLES
              roost top
              roost top --interval 0.5 --address http://10.0.0.2:8500
              roost top --once
            """
    )

    @Option(help: "Seconds between two frames, 0.2 and more.") var interval = 2.0
    @Flag(help: "Print one frame and end.") var once = false
    @OptionGroup var options: ClientOptions

    /// Escape, Ctrl-C and Ctrl-D as keys.
    private static let endingKeys: Set<UInt8> = [
        UInt8(ascii: "q"), UInt8(ascii: "Q"), 0x1b, 0x03, 0x04,
    ]

    func validate() throws {
        guard (0.2...3_600).contains(interval) else {
            throw ValidationError("--interval is 0.2 to 3600")
        }
    }

    func run() async throws {
        try await options.perform { client in
            let screen = once || options.json ? nil : try LiveScreen()
            guard let screen else { return try await printFrame(client) }
            let told = await follow(client, on: screen)
            screen.leave()
            if let told { throw ExitCode(128 + told) }
        }
    }

    private func printFrame(_ client: ConsulClient) async throws {
        let earlier = try await client.scrape()
        if earlier != nil { try await Task.sleep(for: .seconds(1)) }
        let report = try await NodeReport.read(client, since: earlier).report
        if options.json { return try Terminal.json(report) }
        for line in NodeScreen(report, .output).lines { Terminal.line(line) }
    }

    /// Draws until a key ends it; the signal, if one did.
    private func follow(_ client: ConsulClient, on screen: LiveScreen) async -> Int32? {
        var lines = ["asking \(client.address)"]
        screen.draw(lines)
        let gathering = Task { [tell = screen.tell] in await gather(client, tell) }
        defer { gathering.cancel() }
        for await event in screen.events {
            switch event {
            case .key(let key) where Self.endingKeys.contains(key): return nil
            case .key: continue
            case .told(let signal): return signal
            case .hungUp: return nil
            case .news(let news): lines = news
            case .resized: break
            }
            screen.draw(lines)
        }
        return nil
    }

    /// HH:MM:SS
    private static var time: String {
        let parts = Calendar.current.dateComponents([.hour, .minute, .second], from: Date())
        return String(
            format: "%02d:%02d:%02d",
            parts.hour ?? 0,
            parts.minute ?? 0,
            parts.second ?? 0
        )
    }

    /// Looks at the server again and again; a frame that waits for its answer keeps no key waiting.
    private func gather(
        _ client: ConsulClient,
        _ tell: AsyncStream<LiveScreen.Event>.Continuation
    ) async {
        var earlier: Scrape?
        while !Task.isCancelled {
            var head = [Paint.output(.bold, "roost top") + "  \(Self.time), q ends it", ""]
            do throws(CommandFailure) {
                let look = try await NodeReport.read(client, since: earlier)
                earlier = look.scrape
                head += NodeScreen(look.report, .output).lines
            } catch {
                earlier = nil
                head.append(Paint.output(.red, "\(error)"))
            }
            tell.yield(.news(head))
            do { try await Task.sleep(for: .seconds(interval)) } catch { return }
        }
    }
}
