import Foundation

/// Colours, where a person sees them: on a terminal, unless NO_COLOR is set (no-color.org).
struct Paint {
    enum Colour: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    let isOn: Bool

    static let plain = Paint(isOn: false)

    /// Of what goes to stdout.
    static var output: Paint {
        let environment = ProcessInfo.processInfo.environment
        let isWanted = environment["NO_COLOR"]?.isEmpty ?? true
        return Paint(isOn: isWanted && environment["TERM"] != "dumb" && Terminal.isOutput)
    }

    func callAsFunction(_ colour: Colour, _ text: String) -> String {
        isOn && !text.isEmpty ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
}

/// Figures for people.
enum Figure {
    /// "12.3 MiB"
    static func bytes(_ count: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (count, 0)
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        return unit == 0 ? "\(Int(value)) B" : String(format: "%.1f ", value) + units[unit]
    }

    /// "3d4h", "5m12s"
    static func duration(seconds: Double) -> String {
        let all = Int(max(0, seconds))
        let (days, hours, minutes) = (all / 86_400, all / 3_600 % 24, all / 60 % 60)
        if days > 0 { return "\(days)d\(hours)h" }
        if hours > 0 { return "\(hours)h\(minutes)m" }
        return minutes > 0 ? "\(minutes)m\(all % 60)s" : "\(all)s"
    }

    /// "1234", "12.3"
    static func rate(_ value: Double) -> String {
        value >= 100 || value == value.rounded()
            ? "\(Int(value.rounded()))"
            : String(format: "%.1f", value)
    }

    static func milliseconds(seconds: Double) -> String {
        String(format: "%.2f ms", seconds * 1_000)
    }
}
