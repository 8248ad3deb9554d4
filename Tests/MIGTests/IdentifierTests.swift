import MIG
import Testing

@Suite("Names of things")
struct IdentifierTests {
    @Test func `an id is sixteen bytes as lower-case hex and nothing else`() throws {
        let id = try #require(LeaseID(bytes: Array(0..<16)))
        #expect(id.description == "000102030405060708090a0b0c0d0e0f")
        #expect(LeaseID(id.description) == id)
        #expect(LeaseID(bytes: Array(0..<15)) == nil)
    }

    @Test(arguments: [
        "", "0", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0f0",
        "000102030405060708090A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0g", "../../../../../../../../etc/pass",
        "000102030405060708090a0b0c0d0e\u{FF10}",
    ])
    func `what is no id is refused`(text: String) {
        #expect(LeaseID(text) == nil)
        #expect(OperationID(text) == nil)
    }

    @Test(arguments: [
        "", "GPU-", "gpu-5d5a1b3c-0000-1111-2222-333344445555", "GPU-5d5a1b3c000011112222333344445555xxxx",
        "GPU-5D5A1B3C-0000-1111-2222-333344445555", "MIG-5d5a1b3c-0000-1111-2222-333344445555",
        "GPU-5d5a1b3c-0000-1111-2222-33334444555", "GPU-5d5a1b3c-0000-1111-2222-3333444455555",
        "GPU-5d5a1b3c-0000-1111-2222-33334444555/",
    ])
    func `what is no GPU UUID is refused`(text: String) {
        #expect(GPUUUID(text) == nil)
    }

    @Test(arguments: [
        ("00000000:36:00.0", "00000000:36:00.0"), ("0000:af:00.0", "00000000:AF:00.0"),
        ("36:00.0", "00000000:36:00.0"), ("36:00", "00000000:36:00.0"), ("1:2:3.4", "00000001:02:03.4"),
    ])
    func `a PCI address is read in every common form and written in the driver's`(text: String, canonical: String) {
        #expect(PCIAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", ":", "36", "36:", ":36:00.0", "36:20.0", "36:00.8", "100:00.0", "36:00.", "36:00.0.0", "g6:00.0",
        "0:0:0:0.0", "000000000:36:00.0", "36:00.0 ", "+1:00.0",
    ])
    func `what is no PCI address is refused`(text: String) {
        #expect(PCIAddress(text) == nil)
    }

    @Test(arguments: [
        ("all", GPUSelector.all), ("0", .index(0)), ("17", .index(17)), ("model:NVIDIA A100*", .model("NVIDIA A100*")),
    ])
    func `a GPU selector is read as it is meant`(text: String, selector: GPUSelector) {
        #expect(GPUSelector(text) == selector)
    }

    @Test(arguments: ["", "ALL", "-1", "01", "1000", "model:", "model:\u{212A}80", "0,1", "gpu0", "*"])
    func `what is no GPU selector is refused`(text: String) {
        #expect(GPUSelector(text) == nil)
    }

    @Test(arguments: [
        ("*", "", true), ("*", "abc", true), ("a*c", "abbbc", true), ("a*c", "abbbd", false), ("a?c", "abc", true),
        ("a?c", "ac", false), ("", "", true), ("", "a", false), ("*a*b*", "xxaxxbxx", true), ("a**", "a", true),
        ("NVIDIA H100*", "NVIDIA H100 80GB HBM3", true), ("NVIDIA H100", "NVIDIA H100 80GB HBM3", false),
    ])
    func `a glob matches whole texts`(pattern: String, text: String, matches: Bool) {
        #expect(Glob.matches(Array(text.utf8), pattern: Array(pattern.utf8)) == matches)
    }

    @Test(arguments: ["3g.20gb", "1g.10gb+me", "1c.3g.20gb", "1g.24gb-me", "1g.24gb+me.all", "MIG 7g.40gb"])
    func `a profile name is a selector by name`(text: String) {
        guard case .name = ProfileSelector(text) else {
            Issue.record("\(text) was not read as a name")
            return
        }
    }

    @Test(arguments: [
        "", "MIG ", "g.20gb", "3g", "3g.20", "3g.20GB", "3g.20gb+", "3g.20gb ", "MIG 9", "-1", "3g.20gb;", "00000g.1gb",
        "1c3g.20gb", "3g.20gb+ME", "4294967296",
    ])
    func `what has not the form of a profile is refused`(text: String) {
        #expect(ProfileSelector(text) == nil)
    }

    @Test(arguments: [
        ("3g.20gb", 20_480), ("1g.10gb+me", 10_240), ("1c.3g.20gb", 20_480), ("7g.141gb", 144_384),
    ])
    func `a name promises memory`(name: String, mebibytes: Int) {
        #expect(ProfileName.nominalMemoryMiB(of: name) == mebibytes)
    }

    @Test(arguments: ["", "3g", "20gb", "3g.20", "all"])
    func `what is no name promises nothing`(name: String) {
        #expect(ProfileName.nominalMemoryMiB(of: name) == nil)
    }

    @Test func `minors of capability nodes follow the driver's table`() {
        #expect(CapabilityMinor.gpuInstance(gpuMinor: 0, GPUInstanceID(0)) == 3)
        #expect(CapabilityMinor.gpuInstance(gpuMinor: 0, GPUInstanceID(1)) == 12)
        #expect(CapabilityMinor.computeInstance(gpuMinor: 0, GPUInstanceID(1), ComputeInstanceID(0)) == 13)
        #expect(CapabilityMinor.gpuInstance(gpuMinor: 1, GPUInstanceID(2)) == 156)
        #expect(CapabilityMinor.computeInstance(gpuMinor: 31, GPUInstanceID(14), ComputeInstanceID(7)) == 4322)
        #expect(CapabilityMinor.gpuInstance(gpuMinor: 32, GPUInstanceID(0)) == nil)
        #expect(CapabilityMinor.gpuInstance(gpuMinor: -1, GPUInstanceID(0)) == nil)
        #expect(CapabilityMinor.gpuInstance(gpuMinor: 0, GPUInstanceID(15)) == nil)
        #expect(CapabilityMinor.computeInstance(gpuMinor: 0, GPUInstanceID(0), ComputeInstanceID(8)) == nil)
    }

    @Test func `a placement past any mask has none`() {
        #expect(Placement(start: 4, size: 4).mask == 0xF0)
        #expect(Placement(start: 0, size: 64).mask == UInt64.max)
        #expect(Placement(start: 61, size: 4).mask == 0)
        #expect(Placement(start: -1, size: 4).mask == 0)
        #expect(Placement(start: Int.max, size: Int.max).mask == 0)
    }

    @Test(arguments: [
        ("9", "9", nil), ("3g.20gb", "3g.20gb", nil), ("MIG 3g.20gb", "3g.20gb", nil), ("19:4", "19", 4),
        ("MIG 1c.3g.20gb:0", "1c.3g.20gb", 0), ("1g.5gb+me:63", "1g.5gb+me", 63),
    ])
    func `a profile is read with the slice it is to start at`(text: String, profile: String, start: Int?) throws {
        let selector = try #require(PlacedProfileSelector(text))
        #expect(selector.profile == ProfileSelector(profile) && selector.start == start)
        #expect(PlacedProfileSelector(selector.description) == selector)
    }

    @Test(arguments: ["", ":", "9:", ":4", "9:64", "9:-1", "9:04", "9:4:4", "9: 4", "3g:4", "9:\u{FF14}", "9,14"])
    func `what is no profile with a start is refused`(text: String) {
        #expect(PlacedProfileSelector(text) == nil)
    }

    @Test func `a compute instance's profile is meant by its own id or name`() throws {
        let profile = ComputeInstanceProfile(
            name: "1c.3g.20gb", kind: ComputeInstanceProfileKind(0), id: ComputeInstanceProfileID(0),
            slices: SliceCount(1), multiprocessors: 14, instanceCount: 3)
        for text in ["0", "1c.3g.20gb", "MIG 1c.3g.20gb"] {
            #expect(ProfileSelector(text)?.matches(profile) == true)
        }
        for text in ["1", "3g.20gb", "2c.3g.20gb"] { #expect(ProfileSelector(text)?.matches(profile) == false) }
    }

    @Test(arguments: [
        ("00000000:36:00.0", "0000:36:00.0"), ("AF:1f.7", "0000:af:1f.7"), ("10000:01:00", "10000:01:00.0"),
    ])
    func `a PCI address is written as the kernel names its directory`(text: String, name: String) {
        #expect(PCIAddress(text)?.sysfsName == name)
    }

    @Test func `a mode says what a reset would make of it`() {
        #expect(MIGMode(isEnabled: true, isPendingEnabled: true).description == "enabled")
        #expect(MIGMode(isEnabled: false, isPendingEnabled: true).description == "disabled, enabled after a reset")
    }
}
