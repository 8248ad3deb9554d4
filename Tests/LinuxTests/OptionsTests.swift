import Linux
import Testing

@Suite("Command lines")
struct OptionsTests {
    private let kinds: [String: Options.Kind] = [
        "--json": .flag, "-q": .flag, "--quiet": .flag, "--for": .value, "--gpu": .values, "--wait": .optionalValue,
    ]

    @Test func `options stand anywhere, and two dashes end them`() throws {
        let options = try Options(
            ["--json", "request", "--gpu=0", "3g.20gb", "-q", "--gpu", "1", "--for", "3h", "-q", "--", "--json", "x"],
            kinds: kinds,
            aliases: ["-q": "--quiet"])
        #expect(options.arguments == ["request", "3g.20gb"])
        #expect(options.rest == ["--json", "x"])
        #expect(options.has("--json") && options.has("--quiet"))
        #expect(options.value("--for") == "3h")
        #expect(options.values("--gpu") == ["0", "1"])
    }

    @Test func `an optional value is only what is attached`() throws {
        let options = try Options(["--wait", "5m"], kinds: kinds)
        #expect(options.has("--wait") && options.value("--wait") == nil && options.arguments == ["5m"])
        #expect(try Options(["--wait=5m"], kinds: kinds).value("--wait") == "5m")
    }

    @Test(arguments: [
        (["--unknown"], UsageError.unknownOption("--unknown")), (["-qj"], .unknownOption("-qj")),
        (["--for"], .missingValue("--for")), (["--json=yes"], .unexpectedValue("--json")),
        (["--for=2h", "--for", "3h"], .repeatedOption("--for")), (["--wait", "--wait=5m"], .repeatedOption("--wait")),
        (["-q=1"], .unknownOption("-q=1")),
    ])
    func `a wrong option is named`(words: [String], error: UsageError) {
        #expect(throws: error) { try Options(words, kinds: kinds) }
    }

    @Test func `a value that does not parse is told with what was expected`() throws {
        let options = try Options(["--for", "soon"], kinds: kinds)
        #expect(throws: UsageError.badValue(option: "--for", value: "soon", expected: "a number")) {
            try options.value("--for", expected: "a number") { Int($0) }
        }
    }
}
