// An EST client of Bouncy Castle: fetches the authorities and the wanted attributes, enrolls or renews,
// and writes what came out as PEM. For each operation it prints a line: "done", or "refused" and the reason.
//
//	EstClient HOST:PORT ROOT_PEM TLS_VERSION LABEL OPERATION OUT [key=value...] [-- LABEL OPERATION OUT ...]
//
// OPERATION is cacerts, csrattrs, enroll, reenroll, or either of the last two with -pop: the request then
// names the channel binding of the TLS session. LABEL "-": none. user= and password= are for HTTP
// Basic; key= and certificate= (PEM files) for TLS; request-key= is the key of the request; binding= the
// kind of channel binding; lie=1 names another session's.
import java.io.FileReader;
import java.io.FileWriter;
import java.net.Socket;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTException;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.ChannelBindingProvider;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.jsse.BCSSLSocket;
import org.bouncycastle.jsse.provider.BouncyCastleJsseProvider;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequestBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.bouncycastle.util.Store;

public class EstClient {
	private final Map<String, String> options = new HashMap<>();
	private String binding; // the kind that the request names

	/** Any certificate or key of a PEM file. */
	private static Object read(String path) throws Exception {
		try (PEMParser parser = new PEMParser(new FileReader(path))) {
			return parser.readObject();
		}
	}

	private static X509Certificate readCertificate(String path) throws Exception {
		byte[] der = ((X509CertificateHolder) read(path)).getEncoded();
		return (X509Certificate) CertificateFactory.getInstance("X.509")
			.generateCertificate(new java.io.ByteArrayInputStream(der));
	}

	private static KeyPair readKey(String path) throws Exception {
		return new JcaPEMKeyConverter().getKeyPair((PEMKeyPair) read(path));
	}

	private static void write(Store<X509CertificateHolder> store, String path) throws Exception {
		try (JcaPEMWriter writer = new JcaPEMWriter(new FileWriter(path))) {
			for (X509CertificateHolder holder : store.getMatches(null))
				writer.writeObject(holder);
		}
	}

	/** What Bouncy Castle's TLS knows of its session, where it is asked for tls-unique. */
	private class Binding implements ChannelBindingProvider {
		@Override
		public boolean canAccessChannelBinding(Socket socket) {
			return binding != null;
		}

		@Override
		public byte[] getChannelBinding(Socket socket, String kind) {
			byte[] octets = ((BCSSLSocket) socket).getConnection().getChannelBinding(binding);
			if (options.containsKey("lie"))
				octets[0] ^= 1;
			return octets;
		}
	}

	private ESTService service(String host, String label, String root, String version) throws Exception {
		JsseESTServiceBuilder builder = new JsseESTServiceBuilder(host,
			JcaJceUtils.getCertPathTrustManager(
				Collections.singleton(new TrustAnchor(readCertificate(root), null)), null));
		builder.withProvider(BouncyCastleJsseProvider.PROVIDER_NAME).withTLSVersion(version).withTimeout(20000);
		builder.withFilterCipherSuites(false);
		builder.withChannelBindingProvider(new Binding());
		if (!label.equals("-"))
			builder.withLabel(label);
		if (options.containsKey("certificate")) {
			KeyStore store = KeyStore.getInstance("PKCS12");
			store.load(null, null);
			PrivateKey key = readKey(options.get("key")).getPrivate();
			store.setKeyEntry("client", key, new char[0], new X509Certificate[] { readCertificate(options.get("certificate")) });
			KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX", BouncyCastleJsseProvider.PROVIDER_NAME);
			factory.init(store, new char[0]);
			builder.withKeyManagers(factory.getKeyManagers());
		}
		return builder.build();
	}

	private ESTAuth auth() throws Exception {
		return options.containsKey("password")
			? new JcaHttpAuthBuilder(options.get("user"), options.get("password").toCharArray()).build()
			: null;
	}

	private void enroll(ESTService service, boolean again, boolean pop, String out) throws Exception {
		KeyPair pair = readKey(options.get("request-key"));
		ContentSigner signer = new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate());
		PKCS10CertificationRequestBuilder request =
			new JcaPKCS10CertificationRequestBuilder(new X500Principal("CN=from the factory"), pair.getPublic());
		EnrollmentResponse response = pop
			? service.simpleEnrollPoP(again, request, signer, auth())
			: service.simpleEnroll(again, request.build(signer), auth());
		for (int i = 0; !response.isCompleted() && i < 20; i++) {
			System.out.println("put off");
			Thread.sleep(Math.max(0, response.getNotBefore() - System.currentTimeMillis()));
			response = service.simpleEnroll(response);
		}
		write(response.getStore(), out);
	}

	private void run(String host, String root, String version, List<String> words) throws Exception {
		for (String word : words.subList(3, words.size())) {
			int equals = word.indexOf('=');
			options.put(word.substring(0, equals), word.substring(equals + 1));
		}
		String operation = words.get(1), out = words.get(2);
		boolean pop = operation.endsWith("-pop");
		if (pop)
			binding = options.get("binding");
		ESTService service = service(host, words.get(0), root, version);
		if (operation.equals("cacerts")) {
			write(service.getCACerts().getCertificateStore(), out);
		} else if (operation.equals("csrattrs")) {
			try (FileWriter writer = new FileWriter(out)) {
				for (ASN1ObjectIdentifier one : service.getCSRAttributes().getAttributesResponse().getRequirements())
					writer.write(one.getId() + "\n");
			}
		} else {
			enroll(service, operation.startsWith("reenroll"), pop, out);
		}
	}

	public static void main(String[] args) throws Exception {
		Security.addProvider(new BouncyCastleProvider());
		Security.addProvider(new BouncyCastleJsseProvider());
		List<String> words = Arrays.asList(args);
		for (int from = 3; from < args.length;) {
			int until = from + Math.max(0, words.subList(from, args.length).indexOf("--"));
			if (until == from)
				until = args.length;
			try {
				new EstClient().run(args[0], args[1], args[2], words.subList(from, until));
				System.out.println("done");
			} catch (ESTException e) {
				System.out.println("refused: " + e.getMessage());
			}
			from = until + 1;
		}
	}
}
