import MIG

/// The parameters that the kernel module is loaded with, as `options nvidia NAME=VALUE` gives them.
package struct ModuleParameters: Hashable, Sendable {
    /// `NVreg_ModifyDeviceFiles`: whether programs may make and change device nodes.
    package var modifiesDeviceFiles = true
    /// `nv_cap_enable_devfs`: whether capabilities are device nodes, or the very files of `/proc`.
    package var hasCapabilityNodes = true

    package init() {}

    /// Sets one of the two by `NAME=VALUE`; refuses what no module of this driver knows.
    package mutating func set(_ text: String, driver: DriverVersion) throws(UnknownParameter) {
        switch Array(text.utf8) {
        case Array("NVreg_ModifyDeviceFiles=0".utf8): modifiesDeviceFiles = false
        case Array("NVreg_ModifyDeviceFiles=1".utf8): modifiesDeviceFiles = true
        case Array("nv_cap_enable_devfs=0".utf8) where driver.mayKeepCapabilitiesInProc: hasCapabilityNodes = false
        case Array("nv_cap_enable_devfs=1".utf8) where driver.mayKeepCapabilitiesInProc: hasCapabilityNodes = true
        default: throw UnknownParameter(driver: driver)
        }
    }

    /// Says what there is to set.
    package struct UnknownParameter: Error, CustomStringConvertible {
        let driver: DriverVersion

        package var description: String {
            let old = "nv_cap_enable_devfs=0|1"
            return "NVreg_ModifyDeviceFiles=0|1"
                + (driver.mayKeepCapabilitiesInProc ? " or \(old)" : "; only drivers before 515.43.04 have \(old)")
        }
    }

    /// What `/proc/driver/nvidia/params` shows.
    ///
    /// The list is that of branch 580. Inferred: which of them an earlier driver lacks is not public, and no program
    /// looks past the sixth.
    var text: String {
        let numbers: [(String, UInt32)] = [
            ("ResmanDebugLevel", .max), ("RmLogonRC", 1), ("ModifyDeviceFiles", modifiesDeviceFiles ? 1 : 0),
            ("DeviceFileUID", 0), ("DeviceFileGID", 0), ("DeviceFileMode", 0o666),
            ("InitializeSystemMemoryAllocations", 1), ("UsePageAttributeTable", .max), ("EnableMSI", 1),
            ("EnablePCIeGen3", 0), ("MemoryPoolSize", 0), ("KMallocHeapMaxSize", 0), ("VMallocHeapMaxSize", 0),
            ("IgnoreMMIOCheck", 0), ("EnableStreamMemOPs", 0), ("EnableUserNUMAManagement", 1), ("NvLinkDisable", 0),
            ("RmProfilingAdminOnly", 1), ("PreserveVideoMemoryAllocations", 0), ("EnableS0ixPowerManagement", 0),
            ("S0ixPowerManagementVideoMemoryThreshold", 256), ("DynamicPowerManagement", 3),
            ("DynamicPowerManagementVideoMemoryThreshold", 200), ("RegisterPCIDriver", 1),
            ("EnablePCIERelaxedOrderingMode", 0), ("EnableResizableBar", 0), ("EnableGpuFirmware", 18),
            ("EnableGpuFirmwareLogs", 2), ("RmNvlinkBandwidthLinkCount", 0), ("EnableDbgBreakpoint", 0),
            ("OpenRmEnableUnsupportedGpus", 1), ("DmaRemapPeerMmio", 1), ("ImexChannelCount", 2048),
            ("CreateImexChannel0", 0), ("GrdmaPciTopoCheckOverride", 0),
        ]
        let texts = [
            "CoherentGPUMemoryMode", "RegistryDwords", "RegistryDwordsPerDevice", "RmMsg", "GpuBlacklist",
            "TemporaryFilePath", "ExcludedGpus",
        ]
        return numbers.map { "\($0): \($1)\n" }.joined() + texts.map { "\($0): \"\"\n" }.joined()
    }
}

extension DriverVersion {
    /// Whether the module has the parameter that makes capabilities files of `/proc`: `facts/nvidia-caps.md` 1.5.
    ///
    /// Facts put its end before 515.43.04 and not closer.
    package var mayKeepCapabilitiesInProc: Bool { self >= "450.51.06" && self < "515.43.04" }
}
