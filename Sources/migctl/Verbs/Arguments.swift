import Linux
import MIG

/// What verbs read from their options, with every mistake as a failure of usage.
struct Arguments {
    let options: Options
    let verb: String

    init(_ options: Options, of verb: String) {
        self.options = options
        self.verb = verb
    }

    /// No argument, or a mistake.
    func none() throws(Failure) { try atMost(0) }

    /// So many arguments at most.
    func atMost(_ count: Int) throws(Failure) {
        if let surplus = list.dropFirst(count).first { throw Failure(.unexpectedArgument(surplus), verb: verb) }
    }

    /// At least one argument.
    func some(_ name: String) throws(Failure) -> [String] {
        guard !list.isEmpty else { throw Failure(.missingArgument(name), verb: verb) }
        return list
    }

    /// All arguments, those after `--` included.
    var list: [String] { options.arguments + (options.rest ?? []) }

    func value<Value>(
        _ name: String, expected: String, _ parse: (String) -> Value?
    ) throws(Failure) -> Value? {
        do throws(UsageError) {
            return try options.value(name, expected: expected, parse)
        } catch {
            throw Failure(error, verb: verb)
        }
    }

    func number(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
        try value(name, expected: "a number from \(range.lowerBound) to \(range.upperBound)") { text in
            Decimal.value(of: text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    func span(_ name: String) throws(Failure) -> TimeSpan? {
        try value(name, expected: "a time such as 30s, 10m, 2h or 1d") { TimeSpan($0) }
    }

    /// One or several GPUs, checked for form only; the broker knows which there are.
    func gpu() throws(Failure) -> String? {
        try value("--gpu", expected: "an index, a UUID, a PCI id or model:GLOB") { GPUSelector($0) }?.description
    }

    func conflict(_ first: String, _ second: String) throws(Failure) {
        throw Failure(.conflict(first, second), verb: verb)
    }
}
