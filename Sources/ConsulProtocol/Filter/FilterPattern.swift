enum FilterPattern {
    static func matches(_ pattern: String, _ text: String) -> Bool { text.contains(pattern) }
}
