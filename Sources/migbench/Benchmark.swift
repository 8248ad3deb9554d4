import Linux

/// The whole run: a broker on a simulated machine, everything timed beside its floor, one table.
///
/// Only ratios within one run mean something: both sides of each are timed in turns, on the same machine under the
/// same load.
enum Benchmark {
    static let usage = "migbench [--in DIR]    measures in a temporary directory below DIR (/var/tmp)"

    static func run(_ words: [String]) -> Int32 {
        do throws(UsageError) {
            let options = try Options(words, kinds: ["--in": .value, "--help": .flag])
            if let argument = options.arguments.first ?? options.rest?.first { throw .unexpectedArgument(argument) }
            // Not /tmp, which may lie in memory, where nothing is ever made durable.
            let place = options.value("--in") ?? "/var/tmp"
            do throws(BenchmarkError) {
                let text = try options.has("--help") ? "usage: \(usage)\n" : measure(in: place)
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

    /// Where standard error is closed there is nobody to tell.
    static func say(_ line: String) { try? Terminal.write("migbench: \(line)\n", to: Terminal.error) }

    private static func measure(in place: String) throws(BenchmarkError) -> String {
        let stopwatch = try Stopwatch()
        let stage = try Stage(in: place)
        defer { stage.end() }
        var table = Table(try Conditions(of: stage).description)
        table.add(try Starts.measure(stage, stopwatch))
        let idle = try stage.residentMemory()
        table.add(try Reads.measure(stage, stopwatch))
        table.add(try Changes.measure(stage, stopwatch))
        table.add(try Programs.measure(stage, stopwatch))
        let after = try stage.residentMemory()
        table.add(
            Table.Section(
                title: "Resident memory of the broker",
                rows: [
                    Table.Row("idle, its own", bytes: idle.rest, aim: "12 MB"),
                    Table.Row("idle, with the simulated library", bytes: idle.all),
                    Table.Row("after all of the above, its own", bytes: after.rest),
                ]))
        return table.description
    }
}

/// Under what the figures came about.
private struct Conditions: CustomStringConvertible {
    let description: String

    init(of stage: borrowing Stage) throws(BenchmarkError) {
        var lines: [String] = []
        for file in ["/proc/sys/kernel/osrelease", "/proc/loadavg"] {
            let bytes = try BenchmarkError.from { () throws(SystemError) in try Files.read(file, limit: 256) }
            lines.append(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))
        }
        description = "Linux \(lines[0]), load \(lines[1]); one simulated A100 without delay, files in \(stage.place)"
    }
}
