import JSON
import Linux
import TestSupport
import Testing

@Suite("Models of GPU", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct ModelTests {
    private static let policy = """
        { "version": 1, "allow": [ { "id": "all", "who": { "groups": ["ml"] },
          "actions": ["read.own", "request", "release.own"] } ] }
        """

    private static let models = [
        "A30", "A100", "A100-80GB", "H100", "H100-PCIE", "H100-NVL", "GH200", "H200", "H200-NVL", "B200", "GB200",
        "B300",
        "GB300", "RTX-PRO-6000", "RTX-PRO-6000-SE", "RTX-PRO-5000",
    ]

    @Test func `on one machine with all of them, one of each profile is granted and given back`() throws {
        let stage = try Stage(
            machine: Self.models.flatMap { ["--gpu", $0] } + ["--mig", "--estimates"], policy: Self.policy)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000", "--limit", "changeBurst=1000"])
        #expect(try stage.objects(["gpus"], "gpus", as: Stage.alice).count == 16)
        var granted = 0
        for gpu in Self.models.indices {
            let profiles = try stage.objects(["profiles", "--gpu", "\(gpu)"], "profiles", as: Stage.alice)
                .compactMap { $0["name"]?.stringValue }
            for profile in profiles {
                let request = try stage.migctl(["request", profile, "--gpu", "\(gpu)"], as: Stage.alice)
                #expect(request.code == 0, "\(Self.models[gpu]) \(profile): \(request.errors)")
                #expect(request.output.contains(profile), "\(request.output)")
                #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
                granted += 1
            }
        }
        // Five of an A30, eleven of each RTX PRO 6000, six of B300 and GB300, none of an RTX PRO 5000, seven of the rest.
        #expect(granted == 5 + 2 * 11 + 2 * 6 + 10 * 7)
        #expect(try stage.machine().instances == 0)
        let none = try stage.migctl(["request", "1g.24gb", "--gpu", "15"], as: Stage.alice)
        #expect(none.code == 4, "\(none.errors)")
        _ = daemon
    }
}
