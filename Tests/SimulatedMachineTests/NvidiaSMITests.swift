import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite(.enabled(if: NvidiaSMI.obstacle == nil, "\(NvidiaSMI.obstacle ?? "")"))
struct `nvidia-smi on a simulated machine` {
    @Test func `a GPU is named by index, place on the bus or UUID`() throws {
        let test = try TestMachine([.h100, .a100], isMIGEnabled: false, library: TestMachine.library)
        let gpu = try test.machine.state().gpus[1]
        for (number, name) in ["1", "00000000:0E:00.0", "0:e:0.0", "0E:00.0", gpu.uuid.description].enumerated() {
            let mode = number % 2 == 0
            expect(
                try NvidiaSMI.run(on: test, ["-i", name, "-mig", mode ? "1" : "0"]),
                prints: "\(mode ? "Enabled" : "Disabled") MIG Mode for GPU 00000000:0E:00.0\nAll done.")
            #expect(try test.machine.state().gpus.map(\.mode.isEnabled) == [false, mode], "\(name)")
        }
        expect(
            try NvidiaSMI.run(on: test, ["mig", "-i", "0:e:0.0", "-cgi", "MIG 3g.20gb"]),
            prints: "Successfully created GPU instance ID 2 on GPU 1 using profile MIG 3g.20gb (ID 9)")
        for name in ["2", "0:f:0.0", "0:e:0.1", "GPU-00000000-0000-0000-0000-000000000000"] {
            let refused = try NvidiaSMI.run(on: test, ["-i", name, "-mig", "0"])
            #expect(refused.output.contains("No devices were found"), "\(name): \(refused.output)")
            #expect(refused.code == 6)
        }
        let nonsense = try NvidiaSMI.run(on: test, ["-i", "x:y:z", "-mig", "0"])
        #expect(nonsense.output.contains("Invalid PCI bus id format"))
        #expect(try test.machine.state().gpus.map(\.mode.isEnabled) == [false, true])
    }

    @Test func `the mode waits for a process, and the instance of one is kept`() throws {
        let test = try TestMachine([.a100], isMIGEnabled: false, library: TestMachine.library)
        let gpu = try test.machine.state().gpus[0]
        let smi = { try NvidiaSMI.run(on: test, $0) }
        let whole = try hold(test.machine, gpu.uuid.description, ["--memory", "512"])
        let pending = """
            00000000:07:00.0 is currently being used by one or more other processes (e.g. CUDA application or a \
            monitoring application such as another instance of nvidia-smi). Please first kill all processes using the \
            device and retry the command or reboot the system to make MIG mode effective.
            All done.
            """
        expect(
            try smi(["-i", "0", "-mig", "1"]),
            prints: """
                Warning: MIG mode is in pending enable state for GPU 00000000:07:00.0:In use by another client
                \(pending)
                """)
        expect(
            try smi(["--query-gpu=mig.mode.current,mig.mode.pending", "--format=csv,noheader"]),
            prints: "Disabled, Enabled")
        expect(
            try smi([]), prints: "| 0 N/A N/A \(whole.pid) C sleep 512MiB |", from: "N/A N/A \(whole.pid)")
        whole.end()
        expect(try smi(["-i", "0", "-mig", "1"]), prints: "Enabled MIG Mode for GPU 00000000:07:00.0\nAll done.")
        #expect(try smi(["mig", "-cgi", "9", "-C"]).code == 0)
        let device = try #require(try test.machine.state().gpus[0].devices.first).compute.uuid
        let part = try hold(test.machine, device.description, ["--memory", "1000"])
        expect(
            try smi([]),
            prints: """
                | 0 2 0 0 | 1000MiB / 20096MiB | 42 0 | 3 0 2 0 0 |
                | | 0MiB / 32767MiB | | |
                | Processes: |
                | GPU GI CI PID Type Process name GPU Memory |
                | ID ID Usage |
                | 0 2 0 \(part.pid) C sleep 1000MiB |
                """, from: "| 0 2 0 0 |")
        expect(
            try smi(["--query-compute-apps=pid,used_memory,name", "--format=csv"]),
            prints: """
                pid, used_gpu_memory [MiB], process_name
                \(part.pid), 1000 MiB, sleep
                """)
        expect(try smi(["--query-gpu=memory.used", "--format=csv,noheader"]), prints: "1000 MiB")
        expect(
            try smi(["mig", "-dci"]),
            prints: """
                Unable to destroy compute instance ID  0 from GPU  0 GPU instance ID  2: In use by another client
                Failed to destroy compute instances: In use by another client
                """, code: 19)
        expect(
            try smi(["-i", "0", "-mig", "0"]),
            prints: """
                Warning: MIG mode is in pending disable state for GPU 00000000:07:00.0:In use by another client
                \(pending)
                """)
        part.end()
        expect(try smi(["--query-compute-apps=pid", "--format=csv,noheader"]), prints: "")
        #expect(try smi(["mig", "-dci"]).code == 0)
    }

    @Test func `a reset makes a pending mode active, and is refused to users and under a process`() throws {
        let test = try TestMachine([.a100, .a100], isMIGEnabled: false, library: TestMachine.library)
        let smi = { try NvidiaSMI.run(on: test, $0) }
        let held = try hold(test.machine, try test.machine.state().gpus[0].uuid.description)
        #expect(try smi(["-i", "0", "-mig", "1"]).code == 0)
        let reset = ["-i", "0", "--gpu-reset"]
        expect(try smi(reset), prints: "GPU reset unavailable: In use by another client", code: 19)
        held.end()
        expect(
            try NvidiaSMI.run(on: test, asUser: 4242, reset),
            prints: "GPU reset unavailable: Insufficient Permissions", code: 4)
        #expect(try test.machine.state().gpus.map(\.resets) == [0, 0])
        expect(try smi(reset), prints: "GPU 00000000:07:00.0 was successfully reset.\nAll done.")
        var gpus = try test.machine.state().gpus
        #expect(gpus.map(\.resets) == [1, 0] && gpus.map(\.mode.isEnabled) == [true, false])
        expect(
            try smi(["-r"]),
            prints: """
                GPU 00000000:07:00.0 was successfully reset.
                GPU 00000000:0E:00.0 was successfully reset.
                All done.
                """)
        gpus = try test.machine.state().gpus
        #expect(gpus.map(\.resets) == [2, 1])
    }

    @Test func `GPUs that are passed through say so, and cannot be reset`() throws {
        let test = try TestMachine(
            [.a100], isMIGEnabled: false, canResetGPUs: false, library: TestMachine.library)
        let smi = { try NvidiaSMI.run(on: test, $0) }
        #expect(NvidiaSMI.lines(try smi(["-q"]).output).contains("Virtualization Mode : Pass-Through"))
        expect(
            try smi(["-i", "0", "-mig", "1"]),
            prints: """
                Warning: MIG mode is in pending enable state for GPU 00000000:07:00.0:GPU requires reset
                Reboot the system or try nvidia-smi --gpu-reset to make MIG mode effective on GPU 00000000:07:00.0
                All done.
                """)
        expect(
            try smi(["-i", "0", "--gpu-reset"]), prints: "GPU reset unavailable: Not Supported", code: 3)
    }

    @Test(arguments: [false, true])
    func `it shows all that it can ask for, or N/A`(isMIGEnabled: Bool) throws {
        let test = try TestMachine(isMIGEnabled: isMIGEnabled, library: TestMachine.library)
        let smi = { try NvidiaSMI.run(on: test, $0) }
        if isMIGEnabled { #expect(try smi(["mig", "-cgi", "9,14", "-C"]).code == 0) }
        let help = try smi(["--help-query-gpu"]).output
        // Fields stand at the start of a line in quotes; so do a few of their values, with capitals or blanks in them.
        let fields = help.split(separator: "\n").filter { $0.first == "\"" }.map { $0.split(separator: "\"")[0] }
            .filter { $0.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789._".contains($0) } }
        #expect(fields.count > 100)
        let query = "--query-gpu=\(fields.joined(separator: ","))"
        for words in [["-q"], ["-q", "-x"], [query, "--format=csv"]] {
            let command = try smi(words)
            #expect(command.code == 0)
            for wrong in ["Function Not Found", "ERR!", "Unknown Error", "Uninitialized", "Invalid Argument"] {
                #expect(!command.output.contains(wrong), "\(words[0]) says \(wrong)")
            }
        }
        let all = NvidiaSMI.lines(try smi(["-q"]).output)
        for gpu in try test.machine.state().gpus {
            #expect(all.contains("GPU UUID : \(gpu.uuid)") && all.contains("Product Name : \(gpu.model.name)"))
            #expect(all.contains("Total : \(gpu.model.memoryMiB) MiB"))
        }
        #expect(all.filter { $0 == "GPU Current Temp : N/A" }.count == 2)
        #expect(all.filter { $0 == "MIG Device" }.count == (isMIGEnabled ? 4 : 0))
        let mode = isMIGEnabled ? "Enabled" : "Disabled"
        expect(
            try smi([
                "--query-gpu=index,name,mig.mode.current,mig.mode.pending,memory.total,memory.used", "--format=csv",
            ]),
            prints: """
                index, name, mig.mode.current, mig.mode.pending, memory.total [MiB], memory.used [MiB]
                0, NVIDIA A100-SXM4-40GB, \(mode), \(mode), 40960 MiB, 0 MiB
                1, NVIDIA H100 80GB HBM3, \(mode), \(mode), 81559 MiB, 0 MiB
                """)
    }

    @Test func `an ordinary user sees devices and processes, and neither lists nor changes instances`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        #expect(try NvidiaSMI.run(on: test, ["mig", "-cgi", "9", "-C"]).code == 0)
        let gpu = try test.machine.state().gpus[0]
        let device = try #require(gpu.devices.first).compute.uuid
        let held = try hold(test.machine, device.description, ["--memory", "100"])
        let smi = { try NvidiaSMI.run(on: test, asUser: 4242, $0) }
        expect(
            try smi(["-L"]),
            prints: """
                GPU 0: NVIDIA A100-SXM4-40GB (UUID: \(gpu.uuid))
                  MIG 3g.20gb     Device  0: (UUID: \(device))
                """)
        let table = NvidiaSMI.lines(try smi([]).output)
        let memory = "| N/A N/A N/A N/A / N/A | 100MiB / 40960MiB | N/A Default |"
        let process = "| 0 2 0 \(held.pid) C sleep 100MiB |"
        #expect(table.contains(memory) && table.contains(process))
        let refusals: [([String], String)] = [
            (["mig", "-lgipp"], "Failed to display GPU instance placements: Insufficient Permissions"),
            (["mig", "-lgi"], "Failed to display GPU instances: Insufficient Permissions"),
            (["mig", "-lci"], "No GPU instances found: Insufficient Permissions"),
            (["mig", "-lcip"], "No GPU instances found: Insufficient Permissions"),
            (
                ["mig", "-cgi", "9"],
                """
                Unable to create a GPU instance on GPU  0 using profile 9: Insufficient Permissions
                Failed to create GPU instances: Insufficient Permissions
                """
            ),
            (["mig", "-dci"], "No GPU instances found: Insufficient Permissions"),
            (["mig", "-dgi"], "No GPU instances found: Insufficient Permissions"),
            (
                ["-i", "0", "-mig", "0"],
                """
                Unable to disable MIG Mode for GPU 00000000:07:00.0: Insufficient Permissions
                Terminating early due to previous errors.
                """
            ),
        ]
        for (words, wanted) in refusals { expect(try smi(words), prints: wanted, code: 4) }
        #expect(try smi(["mig", "-lgip"]).output.hasSuffix("Insufficient Permissions\n"))
        // What concerns the GPU as a whole goes by the monitor node, which is open to all unless somebody closes it.
        try Files.setMode(test.machine.layout.node(2), 0o400)
        let closed = NvidiaSMI.lines(try smi([]).output)
        #expect(closed.contains("| N/A N/A N/A N/A / N/A | N/A | N/A Default |"))
        #expect(closed.contains(process), "a device's own processes are not the whole GPU's")
        expect(
            try smi(["--query-gpu=memory.used", "--format=csv,noheader"]), prints: "[Insufficient Permissions]")
        held.end()
    }
}
