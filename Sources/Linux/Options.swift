/// What is wrong with a command line.
package enum UsageError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownOption(String)
    case missingValue(String)
    case repeatedOption(String)
    case unexpectedValue(String)
    case badValue(option: String, value: String, expected: String)
    case missingArgument(String)
    case unexpectedArgument(String)
    case unknownVerb(String)
    case conflict(String, String)

    package var description: String {
        switch self {
        case .unknownOption(let option): "unknown option '\(option)'"
        case .missingValue(let option): "option '\(option)' needs a value"
        case .repeatedOption(let option): "option '\(option)' is given twice"
        case .unexpectedValue(let option): "option '\(option)' takes no value"
        case .badValue(let option, let value, let expected): "'\(value)' is no good for \(option): expected \(expected)"
        case .missingArgument(let name): "missing \(name)"
        case .unexpectedArgument(let argument): "unexpected argument '\(argument)'"
        case .unknownVerb(let verb): "unknown command '\(verb)'"
        case .conflict(let first, let second): "\(first) and \(second) exclude each other"
        }
    }
}

/// A command line taken apart: options in any place, then what is left in order.
///
/// `--name value`, `--name=value`, `-n value`; `--` ends the options. Which options take a value is told at the start,
/// so that no argument is ever mistaken for one.
package struct Options: Sendable {
    package enum Kind: Sendable {
        case flag
        /// Once at most: of two that differ, neither is to be dropped silently.
        case value
        /// As often as one likes.
        case values
        /// May stand alone or as `--name=value`.
        case optionalValue
    }

    private var given: [(name: String, value: String?)] = []
    /// What is no option, in order.
    package private(set) var arguments: [String] = []
    /// What followed `--`; nil where there was none.
    package private(set) var rest: [String]?

    /// Takes the words apart.
    ///
    /// `kinds` maps every spelling (`--json`, `-q`) to its kind; `aliases` maps a spelling to the name under which it is
    /// kept. With `stopsAtArgument` everything from the first argument on is an argument.
    package init(
        _ words: [String], kinds: [String: Kind], aliases: [String: String] = [:], stopsAtArgument: Bool = false
    ) throws(UsageError) {
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            if word.utf8.elementsEqual("--".utf8) {
                rest = Array(words[index...])
                return
            }
            guard word.utf8.first == UInt8(ascii: "-"), word.utf8.count > 1 else {
                arguments.append(word)
                if stopsAtArgument {
                    arguments += words[index...]
                    return
                }
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let isLong = word.utf8.starts(with: "--".utf8)
            let spelling = isLong ? parts[0] : word
            let attached = isLong && parts.count == 2 ? parts[1] : nil
            guard let kind = kinds[spelling] else { throw .unknownOption(spelling) }
            let name = aliases[spelling] ?? spelling
            if kind == .value || kind == .optionalValue, has(name) { throw .repeatedOption(spelling) }
            switch kind {
            case .flag:
                guard attached == nil else { throw .unexpectedValue(spelling) }
                given.append((name, nil))
            case .optionalValue:
                given.append((name, attached))
            case .value, .values:
                if let attached {
                    given.append((name, attached))
                } else {
                    guard index < words.count else { throw .missingValue(spelling) }
                    given.append((name, words[index]))
                    index += 1
                }
            }
        }
    }

    /// Whether an option was given.
    package func has(_ name: String) -> Bool { given.contains { $0.name.utf8.elementsEqual(name.utf8) } }

    /// The value given for an option; of several the last.
    package func value(_ name: String) -> String? {
        given.last { $0.name.utf8.elementsEqual(name.utf8) && $0.value != nil }?.value
    }

    /// Every value given for an option, in order.
    package func values(_ name: String) -> [String] {
        given.filter { $0.name.utf8.elementsEqual(name.utf8) }.compactMap(\.value)
    }

    /// The value of an option, read by a parser that gives nil for what it does not understand.
    package func value<Value>(
        _ name: String, expected: String, _ parse: (String) -> Value?
    ) throws(UsageError) -> Value? {
        guard let text = value(name) else { return nil }
        guard let value = parse(text) else { throw .badValue(option: name, value: text, expected: expected) }
        return value
    }
}
