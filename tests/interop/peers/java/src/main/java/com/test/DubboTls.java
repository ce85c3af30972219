package com.test;

import org.apache.dubbo.config.SslConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Apache Dubbo's own TLS, by the properties peer.tls.certificate, peer.tls.key and peer.tls.trust: PEM files, the key as PKCS#8.
 *
 * <p>A provider with trust demands a certificate of every consumer. A consumer speaks TLS only if it has a certificate; it
 * sends no server name, and compares no name with the provider's certificate.
 */
final class DubboTls {
    private DubboTls() {
    }

    /** Nothing without the properties: then Dubbo speaks in the clear. */
    static void apply(DubboBootstrap bootstrap) {
        String certificate = System.getProperty("peer.tls.certificate");
        if (certificate == null) {
            return;
        }
        String key = System.getProperty("peer.tls.key");
        String trust = System.getProperty("peer.tls.trust");
        SslConfig ssl = new SslConfig();
        ssl.setServerKeyCertChainPath(certificate);
        ssl.setServerPrivateKeyPath(key);
        ssl.setServerTrustCertCollectionPath(trust);
        ssl.setClientKeyCertChainPath(certificate);
        ssl.setClientPrivateKeyPath(key);
        ssl.setClientTrustCertCollectionPath(trust);
        bootstrap.ssl(ssl);
    }
}
