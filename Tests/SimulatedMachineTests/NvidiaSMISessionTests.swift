import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite(.enabled(if: NvidiaSMI.obstacle == nil, "\(NvidiaSMI.obstacle ?? "")"))
struct `A session with nvidia-smi` {
    private static let noProcesses = """
        | Processes:                                                                            |
        |  GPU   GI   CI        PID   Type   Process name                            GPU Memory |
        |        ID   ID                                                             Usage      |
        |  No running processes found                                                           |
        """

    private static let devices = """
        | MIG devices:                                                                          |
        | GPU  GI  CI  MIG |                   Memory-Usage |        Vol|      Shared           |
        |      ID  ID  Dev |                     BAR1-Usage | SM     Unc| CE ENC DEC OFA JPG    |
        |                  |                                |        ECC|                       |
        """

    /// The session of the notes that the project began with, in their order, on a board of their kind.
    @Test func `it does a whole session on an A100, and says what it says of real boards`() throws {
        // In the notes 3g.20gb with the id 1 lies at 4:4, as on boards whose dead slice is in the lower half.
        let test = try TestMachine([.a100], isMIGEnabled: false, isMirrored: true, library: TestMachine.library)
        let smi = { try NvidiaSMI.run(on: test, $0) }
        try Self.turnOn(smi)
        try Self.listProfiles(smi)
        try Self.makeTwoHalves(smi)
        try Self.divideAHalf(smi)
        try Self.makeOthers(smi)
        expect(
            try smi(["-i", "0", "-mig", "0"]),
            prints: "Disabled MIG Mode for GPU 00000000:07:00.0\nAll done.")
    }

    private typealias Run = ([String]) throws -> Command

    private static func turnOn(_ smi: Run) throws {
        for words in [[], ["-i", "0"]] {
            let command = try smi(words)
            #expect(command.output.contains("Driver Version: 580.105.08   CUDA Version: 13.0"))
            expect(
                command,
                prints: """
                    |   0  NVIDIA A100-SXM4-40GB          Off | 00000000:07:00.0 Off |                    0 |
                    | N/A   N/A  N/A               N/A /  N/A |      0MiB / 40960MiB |      0%      Default |
                    |                                         |                      |             Disabled |
                    \(noProcesses)
                    """, from: "NVIDIA A100")
        }
        expect(try smi(["mig", "-lgi"]), prints: "No MIG-enabled devices found.", code: 6)
        expect(
            try smi(["-i", "0", "-mig", "1"]),
            prints: "Enabled MIG Mode for GPU 00000000:07:00.0\nAll done.")
        expect(try smi(["mig", "-lgi"]), prints: "No GPU instances found: Not Found", code: 6)
        expect(
            try smi([]),
            prints: """
                |   0  NVIDIA A100-SXM4-40GB          Off | 00000000:07:00.0 Off |                   On |
                | N/A   N/A  N/A               N/A /  N/A |      0MiB / 40960MiB |     N/A      Default |
                |                                         |                      |              Enabled |
                \(devices)
                |  No MIG devices found                                                                 |
                \(noProcesses)
                """, from: "NVIDIA A100")
    }

    private static func listProfiles(_ smi: Run) throws {
        expect(
            try smi(["mig", "-lgip"]),
            prints: """
                | GPU instance profiles:                                                      |
                | GPU   Name             ID    Instances   Memory     P2P    SM    DEC   ENC  |
                |                              Free/Total   GiB              CE    JPEG  OFA  |
                |   0  MIG 1g.5gb        19     7/7        4.75       No     14     0     0   |
                |                                                             1     0     0   |
                |   0  MIG 1g.5gb+me     20     1/1        4.75       No     14     1     0   |
                |                                                             1     1     1   |
                |   0  MIG 1g.10gb       15     4/4        9.75       No     14     1     0   |
                |                                                             1     0     0   |
                |   0  MIG 2g.10gb       14     3/3        9.75       No     28     1     0   |
                |                                                             2     0     0   |
                |   0  MIG 3g.20gb        9     2/2        19.62      No     42     2     0   |
                |                                                             3     0     0   |
                |   0  MIG 4g.20gb        5     1/1        19.62      No     56     2     0   |
                |                                                             4     0     0   |
                |   0  MIG 7g.40gb        0     1/1        39.50      No     98     5     0   |
                |                                                             7     1     1   |
                """)
        expect(
            try smi(["mig", "-lgipp"]),
            prints: """
                GPU  0 Profile ID 19 Placements: {0,1,2,3,4,5,6}:1
                GPU  0 Profile ID 20 Placements: {0,1,2,3,4,5,6}:1
                GPU  0 Profile ID 15 Placements: {0,2,4,6}:2
                GPU  0 Profile ID 14 Placements: {0,2,4}:2
                GPU  0 Profile ID  9 Placements: {0,4}:4
                GPU  0 Profile ID  5 Placement : {0}:4
                GPU  0 Profile ID  0 Placement : {0}:8
                """)
    }

    private static func makeTwoHalves(_ smi: Run) throws {
        expect(
            try smi(["mig", "-cgi", "9,3g.20gb", "-C"]),
            prints: """
                Successfully created GPU instance ID  1 on GPU  0 using profile MIG 3g.20gb (ID  9)
                Successfully created compute instance ID  0 on GPU  0 GPU instance ID  1 \
                using profile MIG 3g.20gb (ID  2)
                Successfully created GPU instance ID  2 on GPU  0 using profile MIG 3g.20gb (ID  9)
                Successfully created compute instance ID  0 on GPU  0 GPU instance ID  2 \
                using profile MIG 3g.20gb (ID  2)
                """)
        expect(
            try smi(["mig", "-lgi"]),
            prints: """
                | GPU instances:                                        |
                | GPU   Name             Profile  Instance   Placement  |
                |                          ID       ID       Start:Size |
                |   0  MIG 3g.20gb          9        1          4:4     |
                |   0  MIG 3g.20gb          9        2          0:4     |
                """)
        // An idle instance of a real board shows a few MiB in use, whose number is not public.
        expect(
            try smi([]),
            prints: """
                \(devices)
                |  0    1   0   0  |               0MiB / 20096MiB  | 42      0 |  3   0    2    0    0 |
                |                  |               0MiB / 32767MiB  |           |                       |
                |  0    2   0   1  |               0MiB / 20096MiB  | 42      0 |  3   0    2    0    0 |
                |                  |               0MiB / 32767MiB  |           |                       |
                \(noProcesses)
                """, from: "MIG devices:")
        expect(
            try smi(["mig", "-dgi"]),
            prints: """
                Unable to destroy GPU instance ID  1 from GPU  0: In use by another client
                Failed to destroy GPU instances: In use by another client
                """, code: 19)
        expect(
            try smi(["mig", "-dci"]),
            prints: """
                Successfully destroyed compute instance ID  0 from GPU  0 GPU instance ID  1
                Successfully destroyed compute instance ID  0 from GPU  0 GPU instance ID  2
                """)
    }

    private static func divideAHalf(_ smi: Run) throws {
        func profiles(_ free: String...) -> String {
            """
            | Compute instance profiles:                                                           |
            | GPU     GPU       Name             Profile  Instances   Exclusive       Shared       |
            |       Instance                       ID     Free/Total     SM       DEC   ENC   OFA  |
            |         ID                                                          CE    JPEG       |
            |   0      1       MIG 1c.3g.20gb       0      \(free[0])/3           14        2     0     0   |
            |                                                                      3     0         |
            |   0      1       MIG 2c.3g.20gb       1      \(free[1])/1           28        2     0     0   |
            |                                                                      3     0         |
            |   0      1       MIG 3g.20gb          2*     \(free[2])/1           42        2     0     0   |
            |                                                                      3     0         |
            """
        }
        expect(try smi(["mig", "-lcip", "-gi", "1"]), prints: profiles("3", "1", "1"))
        let made = (0..<3).map {
            "Successfully created compute instance ID  \($0) on GPU  0 GPU instance ID  1 "
                + "using profile MIG 1c.3g.20gb (ID  0)\n"
        }
        expect(try smi(["mig", "-cci", "0,0,0", "-gi", "1"]), prints: made.joined())
        expect(try smi(["mig", "-lcip", "-gi", "1"]), prints: profiles("0", "0", "0"))
        let listed = NvidiaSMI.lines(try smi(["mig", "-lci", "-gi", "1"]).output, from: "| 0 1 MIG")
        #expect(listed.count == 3)
        for (id, line) in listed.enumerated() { #expect(line.hasPrefix("| 0 1 MIG 1c.3g.20gb 0 \(id) ")) }
        expect(
            try smi([]),
            prints: """
                \(devices)
                |  0    1   0   0  |               0MiB / 20096MiB  | 14      0 |  3   0    2    0    0 |
                |                  |               0MiB / 32767MiB  |           |                       |
                |  0    1   1   1  |                                | 14      0 |  3   0    2    0    0 |
                |  0    1   2   2  |                                | 14      0 |  3   0    2    0    0 |
                \(noProcesses)
                """, from: "MIG devices:")
        expect(
            try smi(["mig", "-dci", "-ci", "0,1,2", "-gi", "1"]),
            prints: """
                Successfully destroyed compute instance ID  0 from GPU  0 GPU instance ID  1
                Successfully destroyed compute instance ID  1 from GPU  0 GPU instance ID  1
                Successfully destroyed compute instance ID  2 from GPU  0 GPU instance ID  1
                """)
        expect(try smi(["mig", "-lci"]), prints: "No compute instances found: Not Found", code: 6)
        expect(
            try smi(["mig", "-dgi"]),
            prints: """
                Successfully destroyed GPU instance ID  1 from GPU  0
                Successfully destroyed GPU instance ID  2 from GPU  0
                """)
    }

    /// The three requests of the notes that mix profiles; the second ends in the documented trap.
    private static func makeOthers(_ smi: Run) throws {
        func made(_ id: Int, _ profile: String, _ number: String) -> String {
            let shown = String(repeating: " ", count: id < 10 ? 2 : 1) + String(id)
            return "Successfully created GPU instance ID\(shown) on GPU  0 "
                + "using profile MIG \(profile) (ID \(number))\n"
        }
        expect(
            try smi(["mig", "-cgi", "19,14,5"]),
            prints: made(9, "1g.5gb", "19") + made(3, "2g.10gb", "14") + made(2, "4g.20gb", " 5"))
        #expect(try smi(["mig", "-dgi"]).code == 0)
        expect(
            try smi(["mig", "-cgi", "19,19,14,9"]),
            prints: made(9, "1g.5gb", "19") + made(7, "1g.5gb", "19") + made(5, "2g.10gb", "14")
                + """
                Unable to create a GPU instance on GPU  0 using profile 9: Insufficient Resources
                Failed to create GPU instances: Insufficient Resources
                """, code: 23)
        #expect(try smi(["mig", "-dgi"]).code == 0)
        expect(
            try smi(["mig", "-cgi", "9,19,14,19"]),
            prints: made(1, "3g.20gb", " 9") + made(11, "1g.5gb", "19") + made(6, "2g.10gb", "14")
                + made(12, "1g.5gb", "19"))
        #expect(try smi(["mig", "-dgi"]).code == 0)
    }
}
