// The bytes of every record of the file system. A line that changes makes what was stored before unreadable.
#include <sstream>

#include "node/files/chunk_record.h"
#include "node/files/keys.h"
#include "tests/unit/node/golden_file_records.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::node;

namespace {

// Gives every field a value of its own, so that fields that change places are seen.
class RecordFiller {
 public:
  template <class... Fields>
  void operator()(Fields&... fields) {
    (fill(fields), ...);
  }

 private:
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = true;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(next());
    } else if constexpr (std::is_enum_v<T>) {
      value = max_enum_value(T());
    } else {
      value.visit_fields(*this);
    }
  }
  void fill(std::string& text) { text = "text" + std::to_string(next()); }
  void fill(ByteVector& bytes) { bytes = {next(), next()}; }
  void fill(Id& id) { id.bytes[0] = next(); }
  template <std::size_t N>
  void fill(std::array<std::uint8_t, N>& bytes) {
    bytes[0] = next();
  }
  template <class T>
  void fill(std::vector<T>& list) {
    list.resize(1);
    fill(list[0]);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  std::uint8_t next() { return static_cast<std::uint8_t>(++last_ % 120 + 1); }
  unsigned last_ = 0;
};

template <class T>
void expect_golden(const std::string& name) {
  T record{};
  RecordFiller filler;
  record.visit_fields(filler);
  ByteVector bytes = encode_record(record);
  std::string line = name + " " + to_hex(bytes) + "\n";
  INFO("expected in golden_file_records.h:\n", line);
  EXPECT_NE(std::string(kGoldenFileRecords).find("\n" + line), std::string::npos);
  auto again = decode_record<T>(bytes);
  REQUIRE(again.ok());
  EXPECT_EQ(to_hex(encode_record(*again)), to_hex(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT(!decode_record<T>(ByteView(bytes).first(size)).ok());
  bytes[0] = T::kFormat + 1;
  EXPECT(decode_record<T>(bytes).is(Code::unsupported_version));
}

}  // namespace

TEST_CASE("the bytes of every record of the file system are what they were") {
  expect_golden<DirectoryHeader>("DirectoryHeader");
  expect_golden<PartHeader>("PartHeader");
  expect_golden<PartFork>("PartFork");
  expect_golden<Pulse>("Pulse");
  expect_golden<Entry>("Entry");
  expect_golden<Inode>("Inode");
  expect_golden<SmallContent>("SmallContent");
  expect_golden<OperationRecord>("OperationRecord");
  expect_golden<MoveLock>("MoveLock");
  expect_golden<Upload>("Upload");
  expect_golden<Release>("Release");
  expect_golden<Reference>("Reference");
  expect_golden<ChunkRecord>("ChunkRecord");
}

TEST_CASE("records are found under the keys they always had") {
  Id directory;
  directory.bytes[0] = 7;
  Part part = Part().child(0xc0000000);
  EXPECT_EQ(place_of(directory, Part()).hex(), directory.hex());
  EXPECT_EQ(place_of(directory, part).short_hex(), kGoldenPartPlace);
  EXPECT_EQ(moves_place().short_hex(), kGoldenMovesPlace);
  EXPECT_EQ(hash_of("moon.txt"), kGoldenNameHash);
  EXPECT_EQ(to_hex(entry_key(directory, "moon").name), "106d6f6f6e");
  EXPECT_EQ(to_hex(kRootDirectory.bytes), std::string(62, '0') + "01");
}

TEST_CASE("a receipt that was changed on its way is not believed") {
  ReceiptSealer sealer(as_bytes("secret")), other(as_bytes("another"));
  Receipt receipt;
  receipt.copy = CopyNumber(3, 4);
  sealer.seal(receipt);
  EXPECT(sealer.sealed(receipt));
  EXPECT(!other.sealed(receipt));
  Receipt changed = receipt;
  changed.durable = true;
  EXPECT(!sealer.sealed(changed));
  changed = receipt;
  changed.copy.sequence = 5;
  EXPECT(!sealer.sealed(changed));
}
