// sources: Sources/Hub/Wire/JSON Sources/Hub/Wire/Protocol Tests/Fuzz/Harness/ProtocolRules.swift
// seeds: Tests/Fuzz/Corpus/JSONCommandsFuzz
//
// Messages of hub.v1.json under libFuzzer: Harness/ProtocolRules.swift says what has to hold.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzJSONCommands(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    fuzzProtocol(UnsafeRawBufferPointer(start: start, count: count), .json)
    return 0
}
