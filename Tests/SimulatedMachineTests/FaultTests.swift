import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite struct `Scripted failures` {
    @Test func `a fault lets calls by, acts so many times, and is then spent`() throws {
        let test = try TestMachine()
        let fault = Fault(call: "nvmlGpuInstanceDestroy", effect: .result(.inUse), after: 2, times: 2)
        try test.machine.changeFaults { $0.append(fault) }
        // Another opening counts down the same numbers.
        let other = try test.reopened()
        let met = try (0..<6).map { turn in
            try (turn % 2 == 0 ? test.machine : other).meetFault(in: "nvmlGpuInstanceDestroy")?.strike()
        }
        #expect(met == [nil, nil, .inUse, .inUse, nil, nil])
    }

    @Test(arguments: [
        ("nvmlInit", "nvmlInit_v2", true), ("nvmlInit", "nvmlInit", true), ("nvmlInit_v2", "nvmlInit_v2", true),
        ("*", "nvmlShutdown", true), ("nvmlInit_v2", "nvmlInit", false), ("nvmlInit", "nvmlInitWithFlags", false),
        ("nvmlDeviceGetGpuInstanceProfileInfo", "nvmlDeviceGetGpuInstanceProfileInfoV", false),
        ("nvml", "nvmlInit", false), ("", "nvmlInit", false),
    ])
    func `a name means its spellings and nothing else`(call: String, function: String, isMet: Bool) throws {
        let test = try TestMachine()
        try test.machine.changeFaults { $0 = [Fault(call: call, effect: .result(.gpuIsLost))] }
        #expect(try test.machine.meetFault(in: function)?.strike() == (isMet ? .gpuIsLost : nil))
    }

    @Test func `a false success is told apart from a call that works`() throws {
        let test = try TestMachine()
        try test.machine.changeFaults {
            $0 = [
                Fault(call: "nvmlComputeInstanceDestroy", effect: .result(.success)),
                Fault(call: "nvmlShutdown", effect: .none, delayMilliseconds: 1),
            ]
        }
        #expect(try test.machine.meetFault(in: "nvmlComputeInstanceDestroy")?.strike() == .success)
        #expect(try test.machine.meetFault(in: "nvmlShutdown")?.strike() == nil)
        #expect(try test.machine.meetFault(in: "nvmlInit_v2") == nil)
    }

    @Test func `faults are read back as they were written`() throws {
        let test = try TestMachine()
        let all: [Fault.Effect] = [.none, .hang, .crash, .kill, .result(.inUse), .result(.success)]
        let faults = all.enumerated().map { index, effect in
            Fault(
                call: "nvmlInit", effect: effect, isLate: index % 2 == 1, after: index,
                times: index == 0 ? nil : index, delayMilliseconds: index,
                durationMilliseconds: index == 0 ? nil : index)
        }
        try test.machine.changeFaults { $0 = faults }
        #expect(try test.reopened().faults() == faults)
    }

    @Test func `a fault for a time acts from the first call on, for all processes alike`() throws {
        let test = try TestMachine()
        let fault = Fault(
            call: "nvmlGpuInstanceDestroy", effect: .result(.inUse), after: 1, durationMilliseconds: 300)
        try test.machine.changeFaults { $0 = [fault] }
        let other = try test.reopened()
        #expect(try other.meetFault(in: "nvmlGpuInstanceDestroy") == nil)
        Clock.sleep(milliseconds: 310)
        // Its time has not begun before it acts.
        #expect(try test.machine.meetFault(in: "nvmlGpuInstanceDestroy")?.strike() == .inUse)
        #expect(try other.faults() != [fault])
        while try test.machine.meetFault(in: "nvmlGpuInstanceDestroy") != nil { Clock.sleep(milliseconds: 10) }
        #expect(try other.meetFault(in: "nvmlGpuInstanceDestroy") == nil)
    }

    @Test(arguments: [
        "", "{}", "[1]", "[{}]",
        #"[{"call":"nvmlInit","effect":"no","late":false,"after":0,"delayMs":0}]"#,
        #"[{"call":"nvmlInit","effect":"kill","late":false,"after":-1,"delayMs":0}]"#,
        #"[{"call":"nvmlInit","effect":"kill","late":false,"after":0,"delayMs":0,"more":1}]"#,
        #"[{"call":"nvmlInit","effect":"kill","after":0,"delayMs":0}]"#,
    ])
    func `what is no list of faults is refused`(damage: String) throws {
        let test = try TestMachine()
        try Files.write("\(test.machine.layout.faults).0", Seal.close(Array(damage.utf8), count: 0))
        let error = #expect(throws: MachineError.self) { try test.reopened().faults() }
        #expect(error?.description.contains("is damaged") == true)
        #expect(error?.description.contains("last line") == false)
    }

    @Test func `a crash and a kill end the process by their signals`() async throws {
        let test = try TestMachine()
        let path = test.path
        try test.machine.changeFaults {
            $0 = [Fault(call: "nvmlInit", effect: .crash), Fault(call: "nvmlShutdown", effect: .kill)]
        }
        await #expect(processExitsWith: .signal(11)) { [path = path as String] in
            _ = try Machine(directory: path).meetFault(in: "nvmlInit_v2")?.strike()
        }
        await #expect(processExitsWith: .signal(9)) { [path = path as String] in
            _ = try Machine(directory: path).meetFault(in: "nvmlShutdown")?.strike()
        }
    }

    @Test(
        arguments: [
            ("IN_USE", 19), ("in_use", 19), ("NVML_ERROR_IN_USE", 19), ("NVML_SUCCESS", 0), ("19", 19), ("999", 999),
        ] as [(String, Int32)])
    func `codes are read by name and number`(text: String, code: Int32) {
        #expect(DriverCode(text)?.rawValue == code)
    }

    @Test(arguments: ["", "IN USE", "NVML_ERROR_", "31", "-1", "1000", "19x", "ERROR_IN_USE"])
    func `what is no code is none`(text: String) {
        #expect(DriverCode(text) == nil)
    }
}
