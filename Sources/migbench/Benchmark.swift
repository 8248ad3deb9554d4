import Linux

/// The whole run: a broker on a simulated machine, everything timed beside its floor, one table.
///
/// Only ratios within one run mean something: both sides of each are timed in turns, on the same machine under the
/// same load.
enum Benchmark {
    static let usage = """
        migbench [--in DIR] [--records N]
            measures in a temporary directory below DIR (/var/tmp), and an audit log of N records (1000000) there
        """
    /// A log that any host gets to within years, and the most that still fits a disk: a record takes a kilobyte.
    private static let records = (usual: 1_000_000, allowed: 1000...50_000_000)

    static func run(_ words: [String]) -> Int32 {
        do throws(UsageError) {
            let options = try Options(
                words, kinds: ["--in": .value, "--records": .value, "--help": .flag, Echo.verb: .flag])
            if options.has(Echo.verb), options.arguments.count == 2 { return serveEcho(options.arguments) }
            if let argument = options.arguments.first ?? options.rest?.first { throw .unexpectedArgument(argument) }
            // Not /tmp, which may lie in memory, where nothing is ever made durable.
            let place = options.value("--in") ?? "/var/tmp"
            let asked = try options.value(
                "--records", expected: "\(records.allowed.lowerBound) to \(records.allowed.upperBound)"
            ) { Int($0).flatMap { records.allowed.contains($0) ? $0 : nil } }
            do throws(BenchmarkError) {
                let text = try options.has("--help") ? "usage: \(usage)\n" : measure(in: place, asked ?? records.usual)
                try BenchmarkError.from { () throws(SystemError) in try Terminal.write(text) }
                return 0
            } catch {
                say("\(error)")
                return 1
            }
        } catch {
            say("\(error)\nusage: \(usage)")
            return 2
        }
    }

    private static func serveEcho(_ arguments: [String]) -> Int32 {
        do throws(SystemError) {
            try Echo.serve(at: arguments[0], answerFrom: arguments[1])
            return 0
        } catch {
            say("\(error)")
            return 1
        }
    }

    /// Where standard error is closed there is nobody to tell.
    static func say(_ line: String) { try? Terminal.write("migbench: \(line)\n", to: Terminal.error) }

    private static func measure(in place: String, _ records: Int) throws(BenchmarkError) -> String {
        let stopwatch = try Stopwatch()
        let stage = try Stage(in: place)
        defer { stage.end() }
        var table = Table(try conditions(place))
        table.add(try Starts.measure(stage, stopwatch))
        table.add(try Memory.measure(stage, stopwatch))
        table.add(try Reads.measure(stage, stopwatch))
        table.add(try Throughput.measure(stage, stopwatch))
        table.add(try Changes.measure(stage, stopwatch))
        table.add(try Programs.measure(stage, stopwatch))
        table.add(try Decisions.measure(stopwatch))
        table.add(try AuditTrail.measure(in: place, records, stage, stopwatch))
        table.add(try FullMachine.measure(in: place, stopwatch))
        table.add(try Driver.measure(in: place, stopwatch))
        return table.description
    }

    /// Under what the figures came about.
    private static func conditions(_ place: String) throws(BenchmarkError) -> String {
        """
        Linux \(try line(of: "/proc/sys/kernel/osrelease")), CPUs \(try processors()), load \(try line(of: "/proc/loadavg"))
        Simulated A100s without delay, one where nothing else is said; the broker's files in \(place)
        """
    }

    /// All that there are, as `0-1`.
    static func processors() throws(BenchmarkError) -> String { try line(of: "/sys/devices/system/cpu/online") }

    private static func line(of file: String) throws(BenchmarkError) -> String {
        let bytes = try BenchmarkError.from { () throws(SystemError) in try Files.read(file, limit: 256) }
        return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    }
}
