/// Finds the bodies of functions, initializers, subscripts and accessors by their braces.
struct FunctionLengths {
    struct Function {
        var name: String
        var line: Int
        var lineCount: Int
    }

    private(set) var functions: [Function] = []
    private var braces: [Function?] = []
    private var declared: Function?
    private var parentheses = 0

    init(_ file: SourceFile) {
        for (number, line) in file.codeLines.enumerated() { scan(line, number + 1) }
    }

    private mutating func scan(_ line: String, _ number: Int) {
        var word = ""
        for character in line + " " {
            if character.isLetter || character.isNumber || character == "_" {
                word.append(character)
                continue
            }
            see(word, line, number)
            word = ""
            see(character, number)
        }
    }

    private mutating func see(_ word: String, _ line: String, _ number: Int) {
        guard ["func", "init", "deinit", "subscript"].contains(word), parentheses == 0 else {
            return
        }
        let text = line.drop(while: \.isWhitespace)
        if word == "init" && text.contains(".init") { return }
        declared = Function(name: String(text.prefix(60)), line: number, lineCount: 0)
    }

    private mutating func see(_ character: Character, _ number: Int) {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses = max(0, parentheses - 1)
        case "{":
            braces.append(parentheses == 0 ? declared : nil)
            if parentheses == 0 { declared = nil }
        case "}":
            // A protocol's last requirement has no body.
            declared = nil
            guard let opened = braces.popLast(), var function = opened else { return }
            function.lineCount = number - function.line + 1
            functions.append(function)
        default: break
        }
    }
}
