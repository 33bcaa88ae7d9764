import Configuration
import Synchronization

/// What one reading of the configuration found: the value of each setting and who gave it, and the
/// bounds that it was checked against. Filled by the reading itself, so it cannot tell otherwise.
package final class SettingLedger: Sendable {
    package enum Source: Hashable, Sendable, CustomStringConvertible {
        case flag
        case environment
        case file(String)
        case standard

        package var description: String {
            switch self {
            case .flag: "flag"
            case .environment: "environment"
            case .file(let path): path
            case .standard: "default"
            }
        }
    }

    package struct Entry: Hashable, Sendable {
        package var value: Setting.Default
        package var source: Source

        package init(value: Setting.Default, source: Source) {
            self.value = value
            self.source = source
        }
    }

    private struct Pages {
        /// In the order in which they are asked.
        var sources: [Source] = []
        var entries: [Setting: Entry] = [:]
        var bounds: [Setting: ClosedRange<Int>] = [:]
    }

    private let pages = Mutex(Pages())

    package init() {}

    package func entry(_ setting: Setting) -> Entry? {
        pages.withLock { $0.entries[setting] }
    }

    /// Of a number; nil for a text.
    package func bounds(_ setting: Setting) -> ClosedRange<Int>? {
        pages.withLock { $0.bounds[setting] }
    }

    func open(sources: [Source]) {
        pages.withLock { $0 = Pages(sources: sources) }
    }

    func note(_ bounds: ClosedRange<Int>, of setting: Setting) {
        pages.withLock { $0.bounds[setting] = bounds }
    }
}

extension SettingLedger: AccessReporter {
    func report(_ event: AccessEvent) {
        guard let setting = Setting(rawValue: event.metadata.key.components.joined(separator: ".")),
            let place = event.providerResults.firstIndex(where: Self.isAnswer),
            case .success(let answer) = event.providerResults[place].result,
            let content = answer.value?.content
        else { return }
        pages.withLock { pages in
            guard let source = pages.sources.indices.contains(place) ? pages.sources[place] : nil
            else { return }
            pages.entries[setting] = Entry(value: setting.value(of: content), source: source)
        }
    }

    private static func isAnswer(_ result: AccessEvent.ProviderResult) -> Bool {
        guard case .success(let answer) = result.result else { return false }
        return answer.value != nil
    }
}

extension Setting {
    /// The environment gives numbers as text.
    fileprivate func value(of content: ConfigContent) -> Default {
        switch content {
        case .int(let number): return .number(number)
        case .string(let text):
            guard case .number = standard, let number = Int(text) else { return .text(text) }
            return .number(number)
        default: return .text("\(content)")
        }
    }
}

extension Setting.Default: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        }
    }
}
