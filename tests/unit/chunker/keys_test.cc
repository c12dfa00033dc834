#include "chunker/keys.h"

#include "chunker/aead.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

ByteVector hex(std::string_view text) {
  ByteVector bytes(text.size() / 2);
  CHECK(from_hex(text, bytes));
  return bytes;
}

SecretKey key_of(std::string_view text) {
  std::array<std::uint8_t, 32> bytes{};
  CHECK(from_hex(text, bytes));
  return SecretKey(bytes);
}

UserKey file_user(Random& random) { return *UserKey::from_key_file(random_bytes(random, 32)); }

struct Vector {
  const char *key, *nonce, *bound, *plain, *sealed, *tag;
};
// Cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
const Vector kVectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657b"
     "a63"
     "7b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0ab"
     "cc9"
     "f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657b"
     "a63"
     "7b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0ab"
     "cc9"
     "f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

}  // namespace

TEST_CASE("AES-256-GCM gives the published ciphertexts and tags") {
  for (const Vector& vector : kVectors) {
    Nonce nonce{};
    ByteVector raw = hex(vector.nonce), plain = hex(vector.plain), sealed(plain.size()), tag(16);
    std::copy(raw.begin(), raw.end(), nonce.begin());
    aead_seal(key_of(vector.key), nonce, hex(vector.bound), plain, sealed, tag);
    EXPECT_EQ(to_hex(sealed), vector.sealed);
    EXPECT_EQ(to_hex(tag), vector.tag);
    ByteVector back(plain.size());
    EXPECT(aead_open(key_of(vector.key), nonce, hex(vector.bound), sealed, tag, back));
    EXPECT(back == plain);
    tag[3] ^= 1;
    EXPECT(!aead_open(key_of(vector.key), nonce, hex(vector.bound), sealed, tag, back));
    EXPECT(back == ByteVector(plain.size(), 0));
  }
}

TEST_CASE("a file's key comes back under the user's key and under no other") {
  SeededRandom random(1);
  SecretKey file_key = SecretKey::generate(random);
  UserKey alice = file_user(random), bob = file_user(random);
  WrappedKey wrapped = wrap(file_key, alice, random);
  auto opened = unwrap(wrapped, alice);
  REQUIRE(opened.ok());
  EXPECT(equal(opened->bytes(), file_key.bytes()));
  EXPECT(unwrap(wrapped, bob).is(Code::permission_denied));
  EXPECT(wrap(file_key, alice, random) != wrapped);
}

TEST_CASE("any flipped bit of a wrapped key is refused") {
  SeededRandom random(2);
  UserKey user = file_user(random);
  ByteVector bytes = encode(wrap(SecretKey::generate(random), user, random));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    ByteVector flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    auto wrapped = decode<WrappedKey>(flipped);
    if (wrapped.ok()) EXPECT(!unwrap(*wrapped, user).ok());
  }
}

TEST_CASE("a passphrase opens with the origin it was stretched with, a wrong one does not") {
  SeededRandom random(3);
  auto user = UserKey::from_passphrase("correct horse", random);
  REQUIRE(user.ok());
  SecretKey file_key = SecretKey::generate(random);
  WrappedKey wrapped = wrap(file_key, *user, random);
  auto again = UserKey::from_passphrase("correct horse", wrapped.origin);
  REQUIRE(again.ok());
  EXPECT(unwrap(wrapped, *again).ok());
  auto wrong = UserKey::from_passphrase("incorrect horse", wrapped.origin);
  REQUIRE(wrong.ok());
  EXPECT(unwrap(wrapped, *wrong).is(Code::permission_denied));
  EXPECT(UserKey::from_passphrase("", random).is(Code::invalid_argument));
}

TEST_CASE("scrypt stretches a passphrase to what other implementations make of it") {
  KeyOrigin origin{KeySource::passphrase, 15, 8, 1, {}};
  std::memcpy(origin.salt.data(), "0123456789abcdef", 16);
  auto user = UserKey::from_passphrase("vortex", origin);
  REQUIRE(user.ok());
  EXPECT_EQ(to_hex(user->key().bytes()), "a26202eda69a206e84775bcf1ec65d0c03e0f87977b5695ed04ec19d9d2e0a9d");
}

TEST_CASE("an origin that asks for hours of work or gigabytes is refused") {
  KeyOrigin origin{KeySource::passphrase, 15, 8, 1, {}};
  origin.scrypt_log_n = 30;
  EXPECT(UserKey::from_passphrase("x", origin).is(Code::unsupported));
  origin.scrypt_log_n = 15;
  origin.scrypt_r = 200;
  EXPECT(UserKey::from_passphrase("x", origin).is(Code::unsupported));
  origin.scrypt_r = 8;
  origin.scrypt_p = 200;
  EXPECT(UserKey::from_passphrase("x", origin).is(Code::unsupported));
  origin = KeyOrigin();
  EXPECT(UserKey::from_passphrase("x", origin).is(Code::permission_denied));
}

TEST_CASE("an origin that asks for less work than a new key costs is refused, a somewhat dearer one is not") {
  for (auto [log_n, r, p] :
       {std::tuple(14, 8, 1), std::tuple(1, 1, 1), std::tuple(15, 7, 1), std::tuple(15, 8, 0), std::tuple(0, 0, 0)}) {
    KeyOrigin origin{KeySource::passphrase,
                     static_cast<std::uint8_t>(log_n),
                     static_cast<std::uint8_t>(r),
                     static_cast<std::uint8_t>(p),
                     {}};
    EXPECT(UserKey::from_passphrase("x", origin).is(Code::unsupported));
  }
  KeyOrigin dearer{KeySource::passphrase, 16, 8, 1, {}};
  EXPECT(UserKey::from_passphrase("x", dearer).ok());
}

TEST_CASE("a key file holds 32 bytes or 64 digits and nothing else") {
  SeededRandom random(4);
  ByteVector raw = random_bytes(random, 32);
  std::string digits = to_hex(raw);
  auto from_raw = UserKey::from_key_file(raw), from_hex = UserKey::from_key_file(as_bytes(digits)),
       from_line = UserKey::from_key_file(as_bytes(digits + "\n"));
  REQUIRE(from_raw.ok());
  REQUIRE(from_hex.ok());
  REQUIRE(from_line.ok());
  EXPECT(equal(from_raw->key().bytes(), raw));
  EXPECT(equal(from_hex->key().bytes(), raw));
  EXPECT(equal(from_line->key().bytes(), raw));
  for (const std::string& bad : {std::string(), digits.substr(1), digits + "0", digits + "\n\n", std::string(64, 'g')})
    EXPECT(UserKey::from_key_file(as_bytes(bad)).is(Code::invalid_argument));
}

TEST_CASE("rotation puts the same file key under another user's key, and only its owner can do it") {
  SeededRandom random(5);
  SecretKey file_key = SecretKey::generate(random);
  UserKey old_key = file_user(random), new_key = file_user(random);
  WrappedKey wrapped = wrap(file_key, old_key, random);
  EXPECT(rewrap(wrapped, new_key, old_key, random).is(Code::permission_denied));
  auto rotated = rewrap(wrapped, old_key, new_key, random);
  REQUIRE(rotated.ok());
  EXPECT(unwrap(*rotated, old_key).is(Code::permission_denied));
  auto opened = unwrap(*rotated, new_key);
  REQUIRE(opened.ok());
  EXPECT(equal(opened->bytes(), file_key.bytes()));
}
